import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { guardHolder, takeAgentGuard } from '../../../src/machine/locks/agent-guard.ts'
import { tempFolder } from '../../support/temp.ts'

const about = { role: 'qa', repo: '/repo', command: 'test' }

async function holder(home: string, agentId: string): Promise<ChildProcess> {
  const program = new URL('../../support/agent-holder.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, home, agentId], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  return child
}

test('the second runner of an agent id is refused and told who holds it', async () => {
  const home = tempFolder()
  const child = await holder(home, 'dev_001')
  expect(() => takeAgentGuard(home, 'dev_001', about)).toThrow(`process ${child.pid}`)
  expect(guardHolder(home, 'dev_001')).toMatchObject({ process: { pid: child.pid }, role: 'backend_dev' })
  takeAgentGuard(home, 'dev_002', about).release()
})

test('the id is free at once after its runner was killed, and nobody is named as its holder', async () => {
  const home = tempFolder()
  const child = await holder(home, 'dev_001')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(guardHolder(home, 'dev_001')).toBeNull()
  takeAgentGuard(home, 'dev_001', about).release()
})

test('a runner that is stopped by SIGSTOP still holds its id', async () => {
  const home = tempFolder()
  const child = await holder(home, 'dev_001')
  child.kill('SIGSTOP')
  expect(() => takeAgentGuard(home, 'dev_001', about)).toThrow('in use')
})

test('releasing frees the id', () => {
  const home = tempFolder()
  takeAgentGuard(home, 'dev_001', about).release()
  expect(guardHolder(home, 'dev_001')).toBeNull()
  takeAgentGuard(home, 'dev_001', about).release()
})

test('who comes after a killed runner is told so until it has dealt with that; who comes after one that let go is not', async () => {
  const home = tempFolder()
  const take = () => takeAgentGuard(home, 'dev_001', about)
  const child = await holder(home, 'dev_001')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const first = take()
  expect(first.foundDead).toBe(true)
  first.release()
  const second = take()
  expect(second.foundDead).toBe(true)
  second.cleared()
  second.release()
  const third = take()
  expect(third.foundDead).toBe(false)
  third.release()
})

test('who no longer holds the guard that others find knows it, and leaves alone what its successor wrote', () => {
  const home = tempFolder()
  const first = takeAgentGuard(home, 'dev_001', about)
  expect(first.holds()).toBe(true)
  rmSync(join(home, 'locks', 'agent-dev_001.guard'))
  expect(first.holds()).toBe(false)
  const second = takeAgentGuard(home, 'dev_001', about)
  expect([first.holds(), second.holds()]).toEqual([false, true])
  first.release()
  expect(guardHolder(home, 'dev_001')).toMatchObject({ process: { pid: process.pid } })
  second.release()
})

test('the id is held until its process dies, also when the process has forgotten what it holds', async () => {
  const home = tempFolder()
  takeAgentGuard(home, 'dev_001', about)
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // Twice, with a turn between: what is found unreachable is finalised later.
  for (let n = 0; n < 2; n++) {
    collect()
    await setImmediate()
  }
  expect(guardHolder(home, 'dev_001')).toMatchObject({ process: { pid: process.pid } })
})
