import type { ChalkInstance } from 'chalk'
import { oneLine } from '../output/clean.ts'
import { cut, wrapped } from '../output/layout.ts'
import { moment } from '../output/words.ts'
import type { Advice } from './advice.ts'
import type { Facts } from './facts.ts'
import type { Happened } from './happened.ts'
import type { Next } from './next.ts'
import type { True } from './now.ts'
import type { Standing } from './standing.ts'

/** All that `why` says. */
export interface Answer {
  facts: Facts
  standing: Standing
  happened: Happened[]
  now: True[]
  next: Next[]
  youCan: Advice[]
}

/** The answer as JSON: sentences, and beside them the facts for programs. Times ISO 8601. */
export function answerDocument({ facts, standing, happened, now, next, youCan }: Answer) {
  const { record, runner, attempt, processes, lock, checkout } = facts
  const result = facts.result
  return {
    version: 1,
    subject: {
      agent_id: facts.agentId,
      run_id: facts.runId,
      task_id: facts.task?.id ?? result?.task_id ?? null,
      task_title: facts.task?.title ?? result?.title ?? null,
    },
    state: standing.state,
    says: standing.says,
    happened,
    now: now.map(({ about, text }) => ({ about, text })),
    next: next.map(({ text, at }) => ({ text, at: at === null ? null : new Date(at).toISOString() })),
    you_can: youCan,
    facts: {
      runner: { alive: runner !== null, pid: runner?.process.pid ?? null, since: runner?.since ?? null },
      attempt: attempt && { number: attempt.number, state: attempt.state.state },
      processes,
      lock_file: lock && { path: lock.path, problem: lock.problem },
      step: record?.steps.at(-1)?.name ?? null,
      tracker: facts.tracker,
      workspace: checkout,
      reason: result?.reason ?? record?.attempts.at(-1)?.ended?.reason ?? null,
      status: result?.status ?? null,
    },
  }
}

/** The answer as coloured lines that fit. */
export function answerLines({ facts, standing, happened, now, next, youCan }: Answer, columns: number, paint: ChalkInstance): string[] {
  const title = facts.task?.title ?? facts.result?.title ?? null
  const lines: string[] = []
  const ids = [facts.agentId, facts.task?.id ?? facts.result?.task_id, facts.runId].flatMap(id => (id ? oneLine(id, 100) : []))
  if (title !== null) lines.push(paint.bold(cut(oneLine(title, 300), columns)))
  lines.push(...wrapped(ids.join(' · '), columns).map(line => paint.dim(line)))
  lines.push(...wrapped(capital(standing.says), columns).map(line => COLOUR[standing.state](line, paint)))

  const part = (heading: string, rows: [label: string, text: string][]) => {
    if (rows.length === 0) return
    const wide = Math.max(...rows.map(([label]) => label.length))
    // On a narrow terminal a column of labels would leave no room for what they label.
    const beside = columns - wide - 4 >= 30
    lines.push('', paint.bold(heading))
    for (const [label, text] of rows) {
      const [first = '', ...rest] = wrapped(text, columns - (beside && wide > 0 ? wide + 4 : 4))
      if (!beside && label !== '') lines.push(`  ${paint.dim(label)}`)
      const lead = beside && wide > 0 ? `${paint.dim(label.padEnd(wide))}  ` : beside ? '' : '  '
      const hang = ' '.repeat(beside && wide > 0 ? wide + 2 : beside ? 0 : 2)
      lines.push(`  ${lead}${first}`, ...rest.map(line => `  ${hang}${line}`))
    }
  }
  part(
    'What happened',
    happened.map(({ at, text }) => [moment(at, facts.now), cut(text, 300)]),
  )
  part(
    'What is true now',
    now.map(({ about, text }) => [about, text]),
  )
  part(
    'What comes next',
    next.map(({ at, text }) => ['', at === null ? text : `${moment(at, facts.now)}: ${text}`]),
  )
  if (youCan.length > 0) lines.push('', paint.bold('What you can do'))
  for (const { text, command } of youCan) {
    lines.push(...wrapped(capital(text), columns - 2).map(line => `  ${line}`))
    // Commands are not wrapped: what the terminal breaks by itself can still be copied.
    if (command !== null) lines.push(`    ${paint.cyan(command)}`)
  }
  return lines
}

const COLOUR: Record<Standing['state'], (text: string, paint: ChalkInstance) => string> = {
  idle: (text, paint) => paint.dim(text),
  working: (text, paint) => paint.green(text),
  waiting: (text, paint) => paint.cyan(text),
  paused: (text, paint) => paint.cyan(text),
  orphaned: (text, paint) => paint.yellow(text),
  interrupted: (text, paint) => paint.red(text),
  unreadable: (text, paint) => paint.red(text),
  ended: (text, paint) => paint.reset(text),
  unknown: (text, paint) => paint.dim(text),
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
