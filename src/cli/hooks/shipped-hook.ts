import { runMain } from 'node:module'
import { resolve } from 'node:path'
import { RunnerError } from '../../core/errors.ts'

/**
 * The hidden command `shipped-hook NAME`: runs a hook that is part of this program, by the contract of every hook. Throws
 * USAGE for a name that we do not ship.
 */
export async function runShippedHook(name: string): Promise<void> {
  const { runAsProgram } = await import('../../../hooks/document.ts')
  await runAsProgram((await shipped(name)).main)
}

async function shipped(name: string) {
  if (name === 'pre_task') return import('../../../hooks/pre_task.ts')
  if (name === 'post_task') return import('../../../hooks/post_task.ts')
  if (name === 'health_check') return import('../../../hooks/health_check.ts')
  throw new RunnerError('USAGE', `no hook named ${name} is shipped`)
}

/**
 * The hidden command `exec-module FILE`: runs a JavaScript or TypeScript file as `node FILE` would, on the runtime inside the
 * one executable, so that hooks need no Node on the machine. Measured with Node 26.10: only `runMain` does all of it there;
 * `import()` finds no files in a single executable, `require` refuses top-level await, and both leave `import.meta.main` false,
 * so that a hook that asks whether it is the main module would do nothing and pass.
 */
export function execModule(file: string): void {
  const path = resolve(file)
  process.argv = [process.execPath, path]
  // An error of a CommonJS file arrives here, and ends the process with exit code 1 unless our caller catches it.
  process.nextTick(() => runMain(path))
}
