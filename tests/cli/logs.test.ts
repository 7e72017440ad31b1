import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { showLogs } from '../../src/cli/logs/show.ts'
import { logsCommand } from '../../src/cli/logs.ts'
import type { RunnerEvent } from '../../src/core/event.ts'
import { attemptFolder } from '../../src/machine/attempts/attempt-files.ts'
import { lockFilePath } from '../../src/machine/journal/lock-file.ts'
import { openRunFiles } from '../../src/machine/journal/run-files.ts'
import { commandIo } from '../support/command-io.ts'
import { stamped } from '../support/events.ts'
import { SELF } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { unfinished } from '../support/unfinished.ts'
import { waitFor } from '../support/wait-for.ts'

const never = new AbortController().signal
const END: RunnerEvent = { type: 'run_finished', reason: 'completed', status: 'dev_done', durationMs: 1, costUsd: 0, note: '', kept: null }

/** Runs on disk as runners leave them. */
function archive() {
  const home = tempFolder()
  const files = openRunFiles(home)
  const says = (runId: string, text: string) => files.append(stamped({ type: 'agent_text', text }, { runId }))
  const ends = (runId: string) => files.append(stamped(END, { runId }))
  const raw = (runId: string, attempt: number, text: string) => {
    mkdirSync(attemptFolder(home, runId, attempt), { recursive: true })
    appendFileSync(join(attemptFolder(home, runId, attempt), 'stdout.jsonl'), text)
  }
  const result = (runId: string, agentId: string, taskId: string) => {
    const rest = {
      title: 't',
      reason: 'completed',
      status: null,
      branch: null,
      kept: null,
      rescued: [],
      finished_at: '2026-07-06T12:00:00Z',
    }
    files.write(
      runId,
      'result.json',
      JSON.stringify({ run_id: runId, agent_id: agentId, task_id: taskId, ...rest, cost_usd: 0, duration_ms: 1 }),
    )
  }
  const logs = (
    run: string | null,
    more: { follow?: boolean; what?: 'readable' | 'json' | 'raw'; signal?: AbortSignal; columns?: number; verbose?: boolean } = {},
  ) => {
    const io = commandIo(home, { columns: more.columns })
    const { follow = false, what = 'readable', verbose = false } = more
    const done = showLogs({ home, run, follow, what, verbose }, io, more.signal ?? never)
    return { io, done, text: () => io.stdout.text() }
  }
  const shown = async (run: string | null, more: Parameters<typeof logs>[1] = {}) => {
    const { done, text } = logs(run, more)
    await done
    return text()
  }
  return { home, files, says, ends, raw, result, logs, shown }
}

test('the newest run is shown when none is named', async () => {
  const { says, shown } = archive()
  says('run_01aaa', 'the old one')
  says('run_01bbb', 'the new one')
  expect(await shown(null)).toMatch(/agent: the new one\n$/)
  expect(await shown(null)).not.toContain('old')
})

test('what a run noted at length is shown where that is asked for', async () => {
  const { files, ends, shown } = archive()
  files.append(stamped({ type: 'agent_thinking', text: 'I wonder why.' }, { runId: 'run_01aaa' }))
  ends('run_01aaa')
  expect(await shown(null)).not.toContain('I wonder why.')
  expect(await shown(null, { verbose: true })).toContain('the agent thinks: I wonder why.')
})

test('a command that shows no agent at work says where --verbose belongs', () => {
  for (const flag of ['-v', '--verbose']) {
    const { status, stderr } = spawnSync(SELF[0]!, [...SELF.slice(1), 'status', flag], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([2, expect.stringMatching(/unknown option '.*'\n {2}-v, --verbose is for .*: run, up and logs/)])
  }
})

test('a run is found by its id, its beginning, its end, its agent and its task', async () => {
  const { says, result, shown } = archive()
  for (const run of ['run_01aaax1', 'run_01aaay2', 'run_01bbbz3']) says(run, `I am ${run}`)
  result('run_01aaax1', 'dev_001', 'tsk_7')
  result('run_01aaay2', 'dev_001', '42')
  for (const word of ['run_01aaay2', 'run_01aaay', '01aaay', 'ay2', 'dev_001', '42'])
    expect(await shown(word), word).toContain('I am run_01aaay2')
  expect(await shown('tsk_7')).toContain('I am run_01aaax1')
})

test('a word that means no run, or several, is refused and says which', async () => {
  const { says, shown } = archive()
  for (const run of ['run_01aaax1', 'run_01aaay2']) says(run, 'x')
  await expect(shown('run_01aaa')).rejects.toMatchObject({ code: 'USAGE', message: expect.stringMatching(/run_01aaay2, run_01aaax1/) })
  for (const word of ['nobody', '../../etc', '', 'y2']) await expect(shown(word)).rejects.toMatchObject({ code: 'USAGE' })
})

test('JSON lines are the events as they were written', async () => {
  const { files, shown } = archive()
  const events = [stamped({ type: 'agent_text', text: 'a' }, { runId: 'run_01a' }), stamped(END, { runId: 'run_01a', seq: 2 })]
  for (const event of events) files.append(event)
  const lines = (await shown(null, { what: 'json' })).trim().split('\n')
  expect(lines.map(line => JSON.parse(line))).toEqual(events)
})

test('a line that a kill cut, and lines that are no events, are passed over', async () => {
  const { home, says, shown } = archive()
  says('run_01a', 'before')
  const file = join(home, 'runs', 'run_01a', 'events.jsonl')
  appendFileSync(file, '{"at":"2026-07-0\nnull\n[]\n{"type":"odd"}\n')
  says('run_01a', 'after')
  appendFileSync(file, '{"at":"2026')
  expect((await shown(null)).trim().split('\n')).toHaveLength(2)
})

test('a follower sees lines written later, and ends when the run does', async () => {
  const { home, says, ends, logs } = archive()
  unfinished(home, 'dev_001', 'run_01a')
  says('run_01a', 'first')
  const { done, text } = logs('dev_001', { follow: true })
  await waitFor('what was there', () => text().includes('first'))
  says('run_01a', 'second')
  await waitFor('what came', () => text().includes('second'))
  ends('run_01a')
  await done
  expect(text()).toContain('run finished: done')
})

test('a follower that came before the first run, its folder and its file sees all of it', async () => {
  const { home, says, ends, logs } = archive()
  const { done, text, io } = logs(null, { follow: true })
  await waitFor('it waits', () => io.stderr.text().includes('waiting for the first'))
  unfinished(home, 'dev_001', 'run_01a')
  await waitFor('it looks for the runner', () => io.stderr.text().includes('No runner works for dev_001'))
  says('run_01a', 'at last')
  await waitFor('the line', () => text().includes('at last'))
  ends('run_01a')
  await done
})

test('a run that was kept and goes on is followed past its first end', async () => {
  const { home, says, ends, logs } = archive()
  unfinished(home, 'dev_001', 'run_01a')
  ends('run_01a')
  says('run_01a', 'going on')
  const { done, text } = logs('run_01a', { follow: true })
  await waitFor('both', () => text().includes('going on'))
  ends('run_01a')
  await done
  expect(text().match(/run finished/g)).toHaveLength(2)
})

test('a run whose lock file goes without a last word is over too', async () => {
  const { home, says, logs } = archive()
  unfinished(home, 'dev_001', 'run_01a')
  says('run_01a', 'something')
  const { done, text } = logs('run_01a', { follow: true })
  await waitFor('the line', () => text().includes('something'))
  rmSync(lockFilePath(home, 'dev_001'))
  await done
})

test('Ctrl-C ends a follower at once, without an error', async () => {
  const { home, says, logs } = archive()
  unfinished(home, 'dev_001', 'run_01a')
  says('run_01a', 'something')
  const user = new AbortController()
  const { done, text } = logs('run_01a', { follow: true, signal: user.signal })
  await waitFor('the line', () => text().includes('something'))
  user.abort()
  await done
})

test('raw is what the agent CLI wrote, all attempts in order, byte for byte without a terminal', async () => {
  const { raw, says, shown } = archive()
  says('run_01a', 'x')
  raw('run_01a', 10, '{"n":10}\nno newline at the end')
  raw('run_01a', 2, '{"n":2,"t":"\u001b[31mé"}\n')
  expect(await shown('run_01a', { what: 'raw' })).toBe('{"n":2,"t":"\u001b[31mé"}\n{"n":10}\nno newline at the end\n')
  expect(await shown('run_01a', { what: 'raw', columns: 80 })).toContain('{"n":2,"t":"é"}')
})

test('a follower of raw output goes on into the next attempt', async () => {
  const { home, raw, logs } = archive()
  unfinished(home, 'dev_001', 'run_01a')
  raw('run_01a', 1, 'one\n')
  const { done, text } = logs('run_01a', { follow: true, what: 'raw' })
  await waitFor('the first', () => text().includes('one'))
  raw('run_01a', 2, 'two\n')
  await waitFor('the second', () => text() === 'one\ntwo\n')
  rmSync(lockFilePath(home, 'dev_001'))
  await done
})

test('where nothing ever ran, the log says what to type', async () => {
  const { logs } = archive()
  const { done, io, text } = logs(null)
  await done
  expect(io.stderr.text()).toContain('agent-runner --role')
  expect(text()).toBe('')
})

test('the command line passes run and flags on, and refuses --raw with --json', async () => {
  const { home, says, raw } = archive()
  says('run_01a', 'hello')
  raw('run_01a', 1, 'raw line\n')
  writeFileSync(join(home, 'config.json'), '{}')
  const io = commandIo(home)
  const program = new Command('agent-runner')
  logsCommand(program, () => io)
  await program.parseAsync(['logs', 'run_01a', '--raw'], { from: 'user' })
  expect(io.stdout.text()).toBe('raw line\n')
  await expect(program.parseAsync(['logs', '--raw', '--json'], { from: 'user' })).rejects.toMatchObject({ code: 'USAGE' })
})
