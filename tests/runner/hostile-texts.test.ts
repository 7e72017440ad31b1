import { expect, test } from 'vitest'
import { causeOf } from '../../src/agents/claude-causes.ts'
import { resetTimeIn } from '../../src/agents/claude-reset-time.ts'
import { redactor, secretsInUrls, secretsOfFile } from '../../src/core/redaction.ts'
import { holdsPassword } from '../../src/core/secrets.ts'
import { outgoingNote } from '../../src/runner/outgoing.ts'

const LENGTH = 200_000
/** Below this nobody waits; what takes the square takes seconds. */
const NOTHING_MS = 250

const redact = redactor([])
const refused = (where: 'result' | 'stderr') => (text: string) =>
  causeOf({ where, status: null, error: '', terminal: '', opening: true, text })

/** What reads text of others, as the product calls it. */
const READERS: Record<string, (text: string) => unknown> = {
  'a note without code': text => outgoingNote(text, { policy: { sendsDiff: false }, redact: (text: string) => text } as never),
  'the cause of a refusal in a result': refused('result'),
  'the cause of a refusal on stderr': refused('stderr'),
  'the time of a reset': text => resetTimeIn(text, 0),
  'the search for passwords': holdsPassword,
  'the redaction of a text': redact,
  'the secrets in URLs': secretsInUrls,
  'the secrets of a file': secretsOfFile,
}

/** What a text is a row of, with what stands before and behind it. */
const TEXTS: [string, string?, string?][] = [
  ['`'],
  ['~', '', '\n'],
  ['```\n'],
  ['`', '```\n'],
  ['    a\n'],
  [' ', 'a', 'b'],
  ['\n', 'a', 'b'],
  ['-', 'a', 'b'],
  ['a'],
  ['0'],
  ['/', 'a', 'b'],
  ['a://'],
  ['a:', 'a://'],
  ['eyJ-'],
  ['CERT'],
  ['hit your '],
  ['account '],
  ['tool_use'],
  ['input length '],
  ['Session ID '],
  ['resets at '],
  ['&key'],
  ['-----BEGIN PRIVATE KEY-----'],
]

const cases = Object.keys(READERS).flatMap(reader => TEXTS.map(([row, before, behind]) => ({ reader, row, before, behind })))

test.for(cases)('$reader takes no more than its part for a row of $row', ({ reader, row, before = '', behind = '' }) => {
  const of = (length: number) => `${before}${row.repeat(length / row.length)}${behind}`
  const time = (length: number) => Math.min(...[1, 2].map(() => processorTime(() => READERS[reader]!(of(length)))))
  // Begun small, so that what takes the square is seen before it takes minutes.
  for (let length = LENGTH / 8; length <= LENGTH; length *= 2) expect(time(length)).toBeLessThan(Math.max(NOTHING_MS, 3 * time(length / 2)))
})

function processorTime(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
