import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { safeRun } from './kept/rescue.ts'

/*
 * The files that a run keeps in a git folder while it goes on: one name, and an ending for each kind. By these files runs know of each
 * other.
 */

type Ending = '.json' | '.seal' | '.before.json'

/** Where a run has its file of one kind. */
export function runFile(gitDir: string, runId: string, ending: Ending): string {
  return join(gitDir, `agent-runner-${safeRun(runId)}${ending}`)
}

/** The runs that have a file of one kind in a git folder, without one of them; their names are as in files and refs. */
export function runsWith(gitDir: string, ending: Ending, exceptRun: string): string[] {
  const found = readdirSync(gitDir).map(name => NAME.exec(name))
  return found.flatMap(name => (name && name[2] === ending && name[1] !== safeRun(exceptRun) ? [name[1]!] : []))
}

const NAME = /^agent-runner-([A-Za-z0-9_-]+)(\.json|\.seal|\.before\.json)$/

/** Where a run works. */
export const RunPlace = z.object({ path: z.string(), branch: z.string().nullable() })
export type RunPlace = z.infer<typeof RunPlace>
