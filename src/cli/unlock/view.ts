import type { ChalkInstance } from 'chalk'
import { count } from '../../core/text/words.ts'
import { oneLine } from '../output/clean.ts'
import { cut, wrapped } from '../output/layout.ts'
import { tilde } from '../output/tilde.ts'
import type { Check } from './checks.ts'
import type { UnlockFacts } from './facts.ts'
import type { LetGo } from './let-go.ts'

/** All as JSON. */
export function unlockDocument(agentId: string, exitCode: number, facts: UnlockFacts | null, checks: Check[], done: LetGo | null) {
  const record = facts?.record ?? null
  return {
    version: 1,
    agent_id: agentId,
    unlocked: done !== null,
    exit_code: exitCode,
    lock_file: facts?.path ?? null,
    run_id: record?.runId ?? null,
    task_id: record?.task.id ?? null,
    task_title: record?.task.title ?? null,
    checks: checks.map(({ name, says, refusal }) => ({
      ...{ name, ok: refusal === null, says },
      ...{ advice: refusal?.advice ?? null, gives_up: refusal?.givesUp ?? null },
    })),
    given_up: done ? checks.flatMap(({ refusal }) => refusal?.givesUp ?? []) : [],
    processes_ended: done?.ended ?? 0,
    rescued: done?.rescued ?? [],
    kept: done?.kept ?? null,
    tracker: done?.tracker ?? null,
    moved_to: done?.movedTo ?? null,
    warnings: done?.warnings ?? [],
  }
}

/** The subject, and each check with its verdict. */
export function checkLines(facts: UnlockFacts | null, checks: Check[], columns: number, paint: ChalkInstance): string[] {
  const lines = facts?.record ? [paint.bold(cut(oneLine(facts.record.task.title, 300), columns))] : []
  for (const { name, says, refusal } of checks) {
    const mark = refusal ? paint.red('✖') : paint.green('✔')
    const [first = '', ...rest] = wrapped(says, columns - 13)
    lines.push(`${mark} ${paint.dim(name.padEnd(9))}  ${first}`, ...rest.map(line => ' '.repeat(13) + line))
  }
  return lines
}

/** Why nothing was done, and what can be done. */
export function refusalLines(refused: Check[], agentId: string, columns: number, paint: ChalkInstance): string[] {
  const lines = ['', paint.red('Not unlocked; nothing was changed.')]
  for (const { refusal } of refused) lines.push(...hanging('→ ', refusal?.advice ?? '', columns))
  const losses = refused.map(({ refusal }) => refusal?.givesUp ?? null)
  // Do not offer --force where it would not help either.
  if (losses.every(loss => loss !== null)) {
    lines.push('', `${paint.dim('Or:')} agent-runner unlock ${agentId} --force`, ...wrapped('which gives up:', columns, '  '))
    for (const loss of losses) lines.push(...hanging('  - ', loss, columns))
  }
  return lines
}

/** Tells what --force gives up, before it is done. */
export function givenUpLines(refused: Check[], columns: number, paint: ChalkInstance): string[] {
  return [
    '',
    paint.yellow('Given up, as --force says:'),
    ...refused.flatMap(({ refusal }) => hanging('- ', refusal?.givesUp ?? '', columns)),
  ]
}

/** What was done. */
export function doneLines(done: LetGo, columns: number, paint: ChalkInstance): string[] {
  const lines = ['']
  const say = (text: string) => lines.push(...hanging(`${paint.green('✔')} `, text, columns, 2))
  if (done.ended > 0) say(`${count(done.ended, 'process').replace(/processs$/, 'processes')} ended`)
  if (done.rescued.length > 0) say(`work kept: ${done.rescued.map(ref => oneLine(ref)).join(', ')}`)
  if (done.tracker === 'given_back') say('the task was given back at the PM, with a note')
  if (done.tracker === 'not_ours') say('the task was no longer this agent’s at the PM; nothing was written there')
  for (const warning of done.warnings) lines.push(...hanging(`${paint.yellow('!')} `, oneLine(warning, 500), columns, 2))
  // Paths are there to be copied, so they are not wrapped.
  if (done.kept) lines.push(`${paint.green('✔')} the workspace stays: ${tilde(oneLine(done.kept))}`)
  lines.push(`${paint.green('✔')} the lock file is now ${tilde(done.movedTo)}`)
  return lines
}

function hanging(lead: string, text: string, columns: number, width = lead.length): string[] {
  return wrapped(text, columns - width).map((line, index) => (index === 0 ? lead : ' '.repeat(width)) + line)
}
