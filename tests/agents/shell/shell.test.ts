import { expect, test } from 'vitest'
import { openShell } from '../../../src/agents/shell/shell.ts'
import { exitRecord } from '../../contracts/agent.ts'

const read = (lines: string[]) => {
  const reader = openShell().reader({ mode: 'fresh' })
  return { events: lines.flatMap(line => reader.read(line)), reader }
}

test.each([
  [{ code: 0 }, 'completed'],
  [{ code: 3 }, 'command_failed'],
  [{ code: 137 }, 'killed'],
  [{ code: null, signal: 'SIGKILL' }, 'killed'],
  [{ code: 143, cause: 'deadline' }, 'timed_out'],
  [{ code: 143, cause: 'stopped' }, 'stopped'],
] as const)('a command that ends with %j is %s', (exit, reason) => {
  expect(openShell().reader({ mode: 'fresh' }).end(exitRecord(exit), '').reason).toBe(reason)
})

test('the last lines of both outputs say what came of it', () => {
  const { reader } = read(['one', 'two'])
  const { text } = reader.end(exitRecord({ code: 2 }), 'no such file\n')
  expect(text).toBe('exit code 2\none\ntwo\nno such file')
})

test('a flood of output is told in part', () => {
  expect(read(Array.from({ length: 5_000 }, (_, n) => `line ${n}`)).events).toHaveLength(1_000)
})

test('the command stands in no argument', () => {
  const plan = {
    mode: 'fresh',
    sessionId: '',
    model: '',
    maxCostUsd: null,
    verdict: false,
    maxTurns: null,
    dryRun: false,
    cwd: '/',
  } as const
  expect(openShell().command(plan).args).toEqual(['-s'])
})
