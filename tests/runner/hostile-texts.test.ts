import { expect, test } from 'vitest'
import { causeOf } from '../../src/agents/claude/claude-causes.ts'
import { prefixIn } from '../../src/agents/claude/claude-discovery.ts'
import { resetTimeIn } from '../../src/agents/claude/claude-reset-time.ts'
import { redactor, secretsInUrls, secretsOfFile } from '../../src/core/redaction.ts'
import { holdsPassword } from '../../src/core/secrets.ts'
import { closedIn } from '../../src/git/checkout/status.ts'
import { bytesOf, textOf } from '../../src/git/file-names.ts'
import { inOneLine, openGit } from '../../src/git/git.ts'
import { lockHolderLives } from '../../src/git/git-at-work.ts'
import { inOrder } from '../../src/git/refs/remotes.ts'
import { outgoingNote } from '../../src/runner/telling/outgoing.ts'
import { branchesFor, folderOf } from '../../src/workspaces/names.ts'
import { settingsIn } from '../../src/workspaces/picture/shared-files.ts'
import { FAR_MS } from '../support/patience.ts'
import { tempFolder } from '../support/temp.ts'

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
  'what git says when it fails': inOneLine,
  'what git warns of': closedIn,
  'the reason of a lock': lockHolderLives,
  'the names for a task': id => branchesFor(id, id),
  'the name of a folder': path => folderOf(path),
  'names that are no UTF-8': text => bytesOf(textOf(Buffer.from(`${text}\xff`, 'latin1'))),
  'the remotes of a repository': text => inOrder({ names: [...text], preferred: [...text], upstreams: new Map() }, null),
  "npm's settings": prefixIn,
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
  ["could not open directory '"],
  ["could not open directory 'x'\n"],
  ['pid ', 'pid'],
  ['prefix'],
  [' ', 'prefix=', 'a'],
]

const cases = Object.keys(READERS).flatMap(reader => TEXTS.map(([row, before, behind]) => ({ reader, row, before, behind })))

test.for(cases)('$reader takes no more than its part for a row of $row', ({ reader, row, before = '', behind = '' }) => {
  const of = (length: number) => `${before}${row.repeat(length / row.length)}${behind}`
  const time = (length: number) => Math.min(...[1, 2].map(() => processorTime(() => READERS[reader]!(of(length)))))
  // Begun small, so that what takes the square is seen before it takes minutes.
  for (let length = LENGTH / 8; length <= LENGTH; length *= 2) expect(time(length)).toBeLessThan(Math.max(NOTHING_MS, 3 * time(length / 2)))
})

test('a setting that stands in a file for many thousands of times is read in no time', async () => {
  const git = openGit(tempFolder(), { timeoutMs: FAR_MS })
  const read = async (lines: number) => {
    const before = process.cpuUsage()
    const settings = await settingsIn(git, `[a]\n${'x=1\n'.repeat(lines)}`)
    expect(settings?.get('a.x')).toHaveLength(lines)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
  const once = await read(20_000)
  expect(await read(80_000)).toBeLessThan(Math.max(2 * NOTHING_MS, 8 * once))
})

function processorTime(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
