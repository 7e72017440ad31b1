import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { endsWithUs } from './ends-with-us.ts'
import { watchProgram } from './started-programs.ts'
import { tempFolder } from './temp.ts'
import { waitFor } from './wait-for.ts'

/** A program as a child process of the test, killed at its end. */
export function startProgram(words: string[], options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}) {
  const log = join(tempFolder(), 'log')
  const file = openSync(log, 'a')
  const child = spawn(process.execPath, words, { ...options, stdio: ['ignore', file, file] })
  endsWithUs(child)
  closeSync(file)
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const running = () => child.exitCode === null && child.signalCode === null
  let signalled = false
  const signal = (name: NodeJS.Signals) => {
    signalled = true
    child.kill(name)
  }
  const program = {
    exit,
    running,
    signal,
    output: () => readFileSync(log, 'utf8'),
    async kill() {
      signal('SIGKILL')
      await waitFor('the program is gone', () => !running())
    },
  }
  const forget = watchProgram({
    ended: () => (running() ? null : { code: child.exitCode, signal: child.signalCode }),
    meantToEnd: () => signalled,
    output: program.output,
  })
  onTestFinished(forget)
  onTestFinished(() => program.kill())
  return program
}

/** A port of loopback that nobody listens on at the moment, for a server that is to come back on it. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
