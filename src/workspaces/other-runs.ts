import { appendFileSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import * as z from 'zod'
import { readIntents } from './intent.ts'
import { othersFileOf, pictured } from './picture.ts'
import type { Place } from './place.ts'
import { sealedPlaces } from './seal.ts'
import { realPath } from './worktree-list.ts'

/** Where a run works. */
const RunPlace = z.object({ path: z.string(), branch: z.string().nullable() })
export type RunPlace = z.infer<typeof RunPlace>

/** Folders and branches that other runs have, or had while this one worked: what happens there is theirs. */
export interface OtherRuns {
  paths: Set<string>
  branches: Set<string>
}

/** Reads them: of runs that are not over by their intents and seals, of the others by what they noted at their end. */
export function otherRuns({ repository, request }: Place): OtherRuns {
  const { commonDir } = repository
  const places = [...readIntents(commonDir, request.runId), ...sealedPlaces(commonDir, request.runId), ...noted(commonDir, request.runId)]
  return {
    paths: new Set(places.map(({ path }) => realPath(path))),
    branches: new Set(places.flatMap(({ branch }) => branch ?? [])),
  }
}

const MOST_BYTES = 1024 ** 2
const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** Notes for all runs that go on where one worked that is ending, before its own traces go. */
export function noteForOthers(commonDir: string, runId: string, { path, branch }: RunPlace): void {
  const own = othersFileOf(commonDir, runId)
  for (const { picture, others } of pictured(commonDir)) {
    // The picture of a run that never came back is not written to for ever.
    if (others === own || sizeOf(others) > MOST_BYTES) continue
    appendFileSync(others, `${JSON.stringify({ path, branch })}\n`)
    // That run has ended meanwhile, and reads no more.
    if (!existsSync(picture)) rmSync(others, { force: true })
  }
}

function noted(commonDir: string, runId: string): RunPlace[] {
  try {
    const lines = readFileSync(othersFileOf(commonDir, runId), 'utf8').split('\n').filter(Boolean)
    return lines.map(line => RunPlace.parse(JSON.parse(line)))
  } catch {
    // No run has ended, or the file is not as it was written.
    return []
  }
}
