import { renameSync, rmSync, writeFileSync } from 'node:fs'
import * as z from 'zod'
import { readJson } from '../core/json.ts'
import { plainText } from '../machine/files/plain-file.ts'
import { runFile, runsWith } from './run-files.ts'

const Intent = z.object({
  kind: z.enum(['worktree', 'clone']).default('worktree'),
  path: z.string(),
  branch: z.string(),
  /** Null in a repository without commits, of which only a clone can be made. */
  base: z.string().nullable(),
  continued: z.boolean(),
  remark: z.string().nullable(),
})

/**
 * What a run is about to make. It is written before git begins, so that a repetition after a kill makes the same and recognises its own
 * work.
 */
export type Intent = z.infer<typeof Intent>

const fileOf = (commonDir: string, runId: string) => runFile(commonDir, runId, '.json')

/** The run's intent; null when there is none that can be read. */
export function readIntent(commonDir: string, runId: string): Intent | null {
  const file = fileOf(commonDir, runId)
  try {
    return Intent.parse(readJson(plainText(file) ?? ''), { jitless: true })
  } catch {
    return null
  }
}

/** The intents of all other runs. */
export function readIntents(commonDir: string, exceptRun: string): Intent[] {
  return runsWith(commonDir, '.json', exceptRun).flatMap(run => readIntent(commonDir, run) ?? [])
}

/** Replaces the run's intent as a whole. */
export function writeIntent(commonDir: string, runId: string, intent: Intent): void {
  const file = fileOf(commonDir, runId)
  writeFileSync(`${file}.new`, JSON.stringify(intent))
  renameSync(`${file}.new`, file)
}

/** Forgets the run's intent. */
export function dropIntent(commonDir: string, runId: string): void {
  for (const suffix of ['', '.new']) rmSync(fileOf(commonDir, runId) + suffix, { force: true })
}
