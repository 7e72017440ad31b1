import type { ChalkInstance } from 'chalk'
import { moment } from '../../core/text/words.ts'
import { oneLine } from '../output/clean.ts'
import { cut, wrapped } from '../output/layout.ts'
import type { Advice } from './advice.ts'
import type { Happened } from './happened.ts'
import type { Next } from './next.ts'
import type { True } from './now.ts'
import type { Standing } from './standing.ts'

/** Everything that `why` says. */
export interface Answer {
  subject: { agent_id: string | null; run_id: string | null; task_id: string | null; task_title: string | null }
  standing: Standing
  happened: Happened[]
  now: True[]
  next: Next[]
  youCan: Advice[]
  /** The facts that programs want to read instead of sentences. */
  facts: Record<string, unknown>
}

/** The answer as JSON. Times ISO 8601. */
export function answerDocument({ subject, standing, happened, now, next, youCan, facts }: Answer) {
  return {
    version: 1,
    subject,
    state: standing.state,
    says: standing.says,
    happened,
    now,
    next: next.map(({ text, at }) => ({ text, at: at === null ? null : new Date(at).toISOString() })),
    you_can: youCan,
    facts,
  }
}

/** The answer as coloured lines that fit. */
export function answerLines(answer: Answer, at: number, columns: number, paint: ChalkInstance): string[] {
  const { subject, standing, happened, now, next, youCan } = answer
  const lines: string[] = []
  const ids = [subject.agent_id, subject.task_id, subject.run_id].flatMap(id => (id ? oneLine(id, 100) : []))
  if (subject.task_title !== null) lines.push(paint.bold(cut(oneLine(subject.task_title, 300), columns)))
  lines.push(...wrapped(ids.join(' · '), columns).map(line => paint.dim(line)))
  lines.push(...wrapped(capital(standing.says), columns).map(line => COLOUR[standing.state](line, paint)))

  const part = (heading: string, rows: [label: string, text: string][]) => {
    if (rows.length === 0) return
    const wide = Math.max(...rows.map(([label]) => label.length))
    // On a narrow terminal a column of labels would leave no room for the text.
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
    happened.map(one => [moment(one.at, at), cut(one.text, 300)]),
  )
  part(
    'What is true now',
    now.map(({ about, text }) => [about, text]),
  )
  part(
    'What comes next',
    next.map(one => ['', one.at === null ? one.text : `${moment(one.at, at)}: ${one.text}`]),
  )
  if (youCan.length > 0) lines.push('', paint.bold('What you can do'))
  for (const { text, command } of youCan) {
    lines.push(...wrapped(capital(text), columns - 2).map(line => `  ${line}`))
    // Commands are not wrapped: a line that the terminal breaks by itself can still be copied.
    if (command !== null) lines.push(`    ${paint.cyan(command)}`)
  }
  return lines
}

const COLOUR: Record<Standing['state'], (text: string, paint: ChalkInstance) => string> = {
  idle: (text, paint) => paint.dim(text),
  queued: (text, paint) => paint.reset(text),
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
