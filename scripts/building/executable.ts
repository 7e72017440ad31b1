import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Chunk } from './chunks.ts'

/**
 * Puts the chunks of `folder` into a Node binary: one executable file that needs no Node on the machine. Without `node` it is the
 * running one. Compiled code can be read on the platform only where it was made, and is left out for others.
 */
export async function makeExecutable(
  { root, folder, chunks, node, native }: { root: string; folder: string; chunks: Chunk[]; node?: string; native: boolean },
  output: string,
): Promise<void> {
  const main = join(folder, 'main.cjs')
  const entryPoints = [join(root, 'scripts/building/executable-main.ts')]
  await build({ entryPoints, outfile: main, bundle: true, platform: 'node', format: 'cjs', target: 'node26', logLevel: 'warning' })
  const names = chunks.flatMap(({ name }) => [name, ...(native ? [`${name}.compiled`] : [])]).filter(name => existsSync(join(folder, name)))
  const unfinished = `${output}.new`
  const config = {
    main,
    mainFormat: 'commonjs',
    output: unfinished,
    ...(node ? { executable: node } : {}),
    disableExperimentalSEAWarning: true,
    useCodeCache: native,
    useSnapshot: false,
    // NODE_OPTIONS is for programs that people run with Node; it must not reach into this one.
    execArgvExtension: 'none',
    assets: Object.fromEntries(names.map(name => [name, join(folder, name)])),
  }
  const file = join(folder, 'sea.json')
  writeFileSync(file, JSON.stringify(config))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--build-sea', file], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`node --build-sea failed:\n${stdout}${stderr}`)
  chmodSync(unfinished, 0o755)
  // A running binary cannot be written to, but it can be replaced.
  renameSync(unfinished, output)
}
