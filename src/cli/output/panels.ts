import type { ChalkInstance } from 'chalk'
import { end } from '../../core/ends.ts'
import type { RunnerEvent } from '../../core/event.ts'
import { branchOf, changeTotals } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'
import { count, duration, money } from '../../core/text/words.ts'
import { oneLine } from './clean.ts'
import { wrapped } from './layout.ts'
import type { RunMemory } from './run-memory.ts'
import { shownWord } from './shown-word.ts'
import { tilde } from './tilde.ts'

type RunFinished = Extract<RunnerEvent, { type: 'run_finished' }>

/** The task's details, as they stand when it is taken. */
export function taskPanel(task: Task, model: string, paint: ChalkInstance, columns: number): string[] {
  const facts = [task.id, task.complexity, task.seniority, model]
  if (task.priority !== 0) facts.push(`priority ${task.priority}`)
  if (task.branch) facts.push(task.branch)
  if (task.maxCostUsd !== null) facts.push(`at most ${money(task.maxCostUsd)}`)
  const inner = columns - 2
  const lines = [
    ...wrapped(oneLine(task.title), inner).map(line => paint.bold(line)),
    ...wrapped(facts.map(fact => oneLine(fact)).join(' · '), inner).map(line => paint.dim(line)),
  ]
  if (task.description.trim() !== '') lines.push('', ...wrapped(task.description, inner, '', 6))
  if (task.criteria.length > 0) lines.push('')
  for (const criterion of task.criteria) lines.push(...hanging('☐ ', wrapped(oneLine(criterion), inner - 2, '', 3)))
  return ['', ...lines.map(line => `${paint.cyan('┃')} ${line}`.trimEnd()), '']
}

/** The result of the run, where everything is, and what can be typed next. */
export function endBlock(event: RunFinished, runId: string | null, run: RunMemory, paint: ChalkInstance, columns: number): string[] {
  const row = end(event.reason)
  const good = row.next === 'report'
  const colour = good ? paint.green : row.next === 'keep' || row.next === 'wait' || row.next === 'abandon' ? paint.yellow : paint.red
  const bar = colour('┃')
  const heading = `${good ? '✔' : '✖'} ${capital(row.says)}${run.task ? `: ${oneLine(run.task.title)}` : ''}`
  const lines = wrapped(heading, columns - 2).map(line => colour.bold(line))

  const fact = (label: string, text: string) => {
    lines.push(...hanging(paint.dim(label.padEnd(9)), wrapped(text, columns - 11), 9))
  }
  lines.push('')
  if (!good && event.note.trim() !== '') lines.push(...wrapped(plainMarkdown(event.note), columns - 2, '', 8), '')
  const branch = branchOf(event.work, run.workspace)
  if (event.status) fact('status', oneLine(event.status))
  if (branch) fact('branch', oneLine(branch))
  else if (event.work?.commits.length) fact('branch', 'none: a ref of ours keeps the commits')
  for (const [index, commit] of (event.work?.commits ?? []).slice(0, 5).entries()) {
    fact(index === 0 ? 'commits' : '', `${commit.sha.slice(0, 8)} ${oneLine(commit.subject)}`)
  }
  const more = (event.work?.commits.length ?? 0) - 5
  if (more > 0) fact('', `and ${more} more`)
  if (event.work?.files.length) fact('changed', changedFiles(event.work))
  fact('took', duration(event.durationMs) + (run.attempts > 1 ? `, ${count(run.attempts, 'attempt')}` : ''))
  if (run.model) fact('model', oneLine(run.model))
  fact(
    'cost',
    money(event.costUsd, event.costIsLeast) + (run.turns > 0 ? `, ${count(run.turns, 'turn')}, ${count(run.toolCalls, 'tool call')}` : ''),
  )
  if (event.kept) lines.push(paint.dim('kept in'.padEnd(9)) + tilde(oneLine(event.kept)))
  if (runId) lines.push(paint.dim('run'.padEnd(9)) + runId)

  lines.push('')
  const arrow = paint.dim('→ ')
  if (row.advice !== '') lines.push(...hanging(arrow, wrapped(row.advice, columns - 4), 2))
  // Commands are not wrapped: a line that the terminal breaks by itself can still be copied.
  for (const command of nextCommands(event, runId, run)) lines.push(arrow + command)
  return ['', ...lines.map(line => `${bar} ${line}`.trimEnd()), '']
}

function nextCommands(event: RunFinished, runId: string | null, run: RunMemory): string[] {
  const commands: string[] = []
  const { workspace } = run
  const branch = branchOf(event.work, workspace)
  if (event.work?.commits.length && workspace?.base && branch) {
    commands.push(`git -C ${shownWord(workspace.repo)} diff ${workspace.base.slice(0, 12)}..${shownWord(branch)}`)
  }
  if (runId && event.work?.commits.length && !branch) commands.push(`agent-runner rescue restore ${runId} --branch NAME`)
  if (runId) commands.push(`agent-runner logs ${runId}`)
  return commands
}

function changedFiles(work: NonNullable<RunFinished['work']>): string {
  const { files, added, removed } = changeTotals(work)
  return `${count(files, 'file')}, +${added} −${removed}`
}

function hanging(first: string, lines: string[], indent = 2): string[] {
  return lines.map((line, index) => (index === 0 ? first : ' '.repeat(indent)) + line)
}

/** Removes the marks of Markdown for headings, emphasis and code; the text stays. */
function plainMarkdown(text: string): string {
  return text
    .replace(/^#{1,6} +/gm, '')
    .replace(/\*\*|`/g, '')
    .replace(/\n{2,}/g, '\n')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
