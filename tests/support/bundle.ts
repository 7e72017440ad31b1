import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chunksOf, placeOf } from '../../scripts/building/chunks.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Writes the program, as it is shipped but of this version, into a folder; answers the file where it begins. */
export async function bundleInto(folder: string, version: string): Promise<string> {
  const { chunks } = await chunksOf(ROOT, 'src/cli/main.ts', version)
  mkdirSync(join(folder, 'chunks'), { recursive: true })
  for (const chunk of chunks) writeFileSync(join(folder, placeOf(chunk)), chunk.text)
  return join(folder, 'agent-runner.cjs')
}
