import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from './wait-for.ts'

const GUARD = join(import.meta.dirname, 'ends-with-us.ts')

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('what tests have started ends when their process is killed', async () => {
  const code = `
    import { spawn } from 'node:child_process'
    import { endsWithUs } from ${JSON.stringify(GUARD)}
    const [gone, left] = ['0', '300'].map(seconds => spawn('sleep', [seconds], { detached: true, stdio: 'ignore' }))
    for (const child of [gone, left]) endsWithUs(child)
    gone.once('exit', () => console.log(left.pid))`
  const tests = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void tests.kill('SIGKILL'))
  const [pid] = (await once(createInterface(tests.stdout), 'line')).map(Number) as [number]
  onTestFinished(() => void (lives(pid) && process.kill(pid, 'SIGKILL')))
  expect(lives(pid)).toBe(true)
  tests.kill('SIGKILL')
  await waitFor('it has ended too', () => !lives(pid))
})
