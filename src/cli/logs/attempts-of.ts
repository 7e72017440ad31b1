import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runFolder } from '../../machine/journal/run-files.ts'

/** The numbers of a run's attempts that have a folder, in order. */
export function attemptsOf(home: string, runId: string): number[] {
  try {
    return readdirSync(join(runFolder(home, runId), 'attempts'))
      .filter(name => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => a - b)
  } catch {
    return []
  }
}
