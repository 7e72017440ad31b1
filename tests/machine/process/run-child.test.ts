import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { identify, isAlive } from '../../../src/machine/process/processes.ts'
import { runChild } from '../../../src/machine/process/run-child.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

const sh = (script: string, more: Partial<Parameters<typeof runChild>[0]> = {}) =>
  runChild({ need: 'command', file: '/bin/sh', args: ['-c', script], timeoutMs: 60_000, graceMs: 200, ...more })

test('output, exit code and what it is told go over as they are', async () => {
  expect(await sh('cat; echo wrong >&2; exit 3', { input: 'told' })).toMatchObject({ stderr: 'wrong\n', code: 3, stopped: null })
  expect((await sh('cat', { input: 'x'.repeat(1_000_000) })).stdout).toHaveLength(1_000_000)
})

test('without input stdin is at its end, and there is no terminal to ask on', async () => {
  const end = await sh('cat; (: </dev/tty) 2>/dev/null && echo terminal || echo none')
  expect(end.stdout.toString()).toBe('none\n')
})

test('a terminal of ours is not one of its children', () => {
  // `script` gives the program a terminal of its own.
  const program = `import { runChild } from ${JSON.stringify(new URL('../../../src/machine/process/run-child.ts', import.meta.url).pathname)}
    const end = await runChild({ need: 'git', file: '/bin/sh', args: ['-c', '(: </dev/tty) 2>/dev/null && echo terminal || echo none'], timeoutMs: 60000, graceMs: 0 })
    console.log('child:', end.stdout.toString().trim(), 'we:', require('node:fs').existsSync('/dev/tty'))`
  const file = join(tempFolder(), 'ask.mts')
  execFileSync('sh', ['-c', 'cat > "$1"', 'sh', file], {
    input: program.replace("require('node:fs').existsSync('/dev/tty')", 'process.stdout.isTTY'),
  })
  const said = execFileSync('script', ['-qec', `${process.execPath} ${file}`, '/dev/null'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  expect(said).toContain('child: none we: true')
})

test.each([
  ['late', { timeoutMs: 100 }],
  ['aborted', { signal: AbortSignal.abort() }],
  ['enough', { mostBytes: 10 }],
] as const)('one that is stopped (%s) is gone with all of its group, though it ignores TERM', async (stopped, how) => {
  const file = join(tempFolder(), 'pids')
  const started = sh(`trap '' TERM; sleep 600 & echo $$ $! >${file}; echo more than ten bytes; while :; do sleep 1; done`, how)
  const end = await started
  expect(end).toMatchObject({ stopped, code: null })
  if (!existsSync(file)) return
  for (const pid of readFileSync(file, 'utf8').trim().split(' ').map(Number)) {
    const identity = identify(pid)
    await waitFor(`${pid} to be gone`, () => identity === null || !isAlive(identity))
  }
})

test('what is not there is told, not thrown', async () => {
  expect((await runChild({ need: 'probe', file: '/no/such', args: [], timeoutMs: 1_000, graceMs: 0 })).startError?.code).toBe('ENOENT')
  expect((await sh('', { cwd: '/no/such' })).startError?.code).toBe('ENOENT')
})
