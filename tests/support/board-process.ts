import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { waitFor } from './wait-for.ts'

const boardProgram = fileURLToPath(new URL('../fixtures/board-program.ts', import.meta.url))
const planeProgram = fileURLToPath(new URL('../fixtures/plane-program.ts', import.meta.url))

/** Starts `tests/fixtures/board-program.ts`; resolves when it is loaded and waits for `go`. It does not outlive the test. */
export const boardProcess = (path: string, what: string, agentId: string) => start(boardProgram, path, what, agentId)

/** The same with `tests/fixtures/plane-program.ts`. */
export const planeProcess = (url: string, what: string, agentId: string) => start(planeProgram, url, what, agentId)

async function start(program: string, path: string, what: string, agentId: string) {
  const child = spawn(process.execPath, [program, path, what, agentId], { stdio: ['pipe', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  let errors = ''
  createInterface({ input: child.stdout }).on('line', line => lines.push(line))
  child.stderr.on('data', data => {
    errors += data
  })
  const closed = once(child, 'close') as Promise<[number | null, string | null]>
  await waitFor('the board process is ready', () => lines.shift() === 'ready' || child.exitCode !== null)
  return {
    /** What it has said since it was ready. */
    lines,
    go: () => child.stdin.end(),
    kill: () => child.kill('SIGKILL'),
    /** Resolves when it has ended and all that it said is in `lines`; throws what it complained of, unless it was killed. */
    async ended(): Promise<string[]> {
      const [code, signal] = await closed
      if (code !== 0 && signal !== 'SIGKILL') throw new Error(`board process ended with ${code ?? signal}: ${errors}`)
      return lines
    },
  }
}
