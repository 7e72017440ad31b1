import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ClaudeReader } from '../../../src/agents/claude/claude-reader.ts'
import { attemptFolder } from '../../../src/machine/attempts/attempt-files.ts'
import { openSupervision } from '../../../src/machine/attempts/supervision.ts'
import { lockFilePath, openJournal } from '../../../src/machine/journal/lock-file.ts'
import { takeLock } from '../../../src/machine/locks/os-lock.ts'
import { identify } from '../../../src/machine/process/processes.ts'
import { tempFolder } from '../../support/temp.ts'

/*
 * What a program of version 1 has written, word for word. A later program must adopt and harvest it: a change of the format that
 * breaks these tests needs a new version beside this one, never a change of these files.
 */
const GOLDEN = join(import.meta.dirname, '../../fixtures/attempts/v1')
const golden = (name: string) => readFileSync(join(GOLDEN, name), 'utf8')
const RUN = 'run_01m7y01f4sexys0tgyeyvb0tn2'
const never = new AbortController().signal

/** A state folder with these files of an attempt; others can be put there by hand. */
function found(...names: string[]) {
  const home = tempFolder()
  const folder = attemptFolder(home, RUN, 1)
  mkdirSync(folder, { recursive: true })
  for (const name of names) copyFileSync(join(GOLDEN, name), join(folder, name))
  const supervision = openSupervision({ home, agentId: 'dev_001', self: ['/nowhere/agent-runner'], env: {}, killGraceMs: 100 })
  const reader = new ClaudeReader({ mode: 'fresh' })
  const follow = () => supervision.follow(RUN, 1, line => void reader.read(line), never)
  return { home, folder, supervision, reader, follow }
}

/** Some process that lives, in the place of a supervisor. */
function living(): ChildProcess {
  const child = spawn('sleep', ['300'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test('an attempt that ended under an older program is harvested', async () => {
  const { supervision, reader, follow } = found('attempt.json', 'started.json', 'exit.json', 'stdout.jsonl')
  expect(supervision.inspect(RUN, 1)).toMatchObject({ state: 'exited', exit: { code: 0, durationMs: 10 } })
  const exit = await follow()
  expect(reader.end(exit!, '')).toMatchObject({ reason: 'completed', text: 'done', costUsd: 0.01 })
})

test('an attempt whose older supervisor and boot are gone is known to be gone, and nothing is signalled', async () => {
  const { supervision, follow } = found('attempt.json', 'started.json', 'stdout.jsonl')
  expect(supervision.inspect(RUN, 1)).toEqual({ state: 'gone' })
  expect(await follow()).toBeNull()
})

test('an attempt that an older supervisor watches over is adopted and followed to its end', async () => {
  const { folder, supervision, reader, follow } = found('attempt.json')
  const { pid } = living()
  const supervisor = identify(pid!)!
  const started = { ...JSON.parse(golden('started.json')), supervisor }
  writeFileSync(join(folder, 'started.json'), JSON.stringify({ ...started, startedUptime: uptime() * 1000 }))
  const lock = takeLock(join(folder, 'alive.lock'))!
  expect(supervision.inspect(RUN, 1)).toEqual({ state: 'alive', supervisor })
  const following = follow()
  appendFileSync(join(folder, 'stdout.jsonl'), golden('stdout.jsonl'))
  copyFileSync(join(GOLDEN, 'exit.json'), join(folder, 'exit.json'))
  lock.release()
  expect(reader.end((await following)!, '')).toMatchObject({ reason: 'completed' })
})

test('the journal of an older program is continued', () => {
  const home = tempFolder()
  mkdirSync(join(home, 'locks'))
  const path = lockFilePath(home, 'dev_001')
  copyFileSync(join(GOLDEN, 'lock.json'), path)
  chmodSync(path, 0o600)
  const { record, setAside } = openJournal(home, 'dev_001').load()
  expect(setAside).toBeNull()
  expect(record).toMatchObject({
    runId: RUN,
    task: { id: '7', title: 'Make it so' },
    steps: [
      { name: 'claim', result: 'ours' },
      { name: 'agent', finishedAt: null },
    ],
    attempts: [{ number: 1, sessionId: '230c95e4-54da-4415-9c32-1d2756dc3be6', ended: null }],
  })
})

test.for(['attempt.json', 'started.json', 'exit.json'])('%s of a newer program is refused in words, not misread', async name => {
  const { folder, supervision, follow } = found('attempt.json', 'started.json', 'exit.json', 'stdout.jsonl')
  writeFileSync(join(folder, name), golden(name).replace('"version":1', '"version":2'))
  const refused = {
    code: 'STATE_UNUSABLE',
    message: `${join(folder, name)} is of version 2, newer than this program`,
    advice: expect.stringContaining('newer one'),
  }
  if (name !== 'started.json') await expect(follow()).rejects.toMatchObject(refused)
  if (name !== 'attempt.json') expect(() => supervision.inspect(RUN, 1)).toThrow(expect.objectContaining(refused))
})

test.for(['', '{"ver', '[]', 'null', '\0\0\0'])('a file of an attempt that holds %j is damaged, and said to be', async text => {
  const { folder, supervision } = found('attempt.json', 'exit.json')
  writeFileSync(join(folder, 'started.json'), text)
  expect(() => supervision.inspect(RUN, 1)).toThrow(`${join(folder, 'started.json')} is damaged`)
})
