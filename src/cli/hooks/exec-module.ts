import { runMain } from 'node:module'
import { resolve } from 'node:path'

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
