import { appendFileSync, existsSync, rmSync, statSync } from 'node:fs'
import { realPath } from '../git/checkout/worktree-list.ts'
import { plainText } from '../machine/files/plain-file.ts'
import { readIntents } from './intent.ts'
import { otherPictures, othersFileOf } from './picture.ts'
import type { Place } from './place.ts'
import { RunPlace } from './run-files.ts'
import { sealedPlaces } from './seal.ts'

/** Folders and branches that other runs have, or had while this one worked. Changes there are theirs. */
export interface OtherRuns {
  paths: Set<string>
  branches: Set<string>
}

/** Reads them: from intents and seals for runs that are not over, and for the others from what they noted at their end. */
export function otherRuns({ repository, request }: Place): OtherRuns {
  const { commonDir } = repository
  const places = [...readIntents(commonDir, request.runId), ...sealedPlaces(commonDir, request.runId), ...noted(commonDir, request.runId)]
  return {
    paths: new Set(places.map(({ path }) => realPath(path))),
    branches: new Set(places.flatMap(({ branch }) => branch ?? [])),
  }
}

const MOST_BYTES = 1024 ** 2
const mayGrow = (file: string) => {
  const entry = statSync(file, { throwIfNoEntry: false })
  return entry === undefined || (entry.isFile() && entry.size <= MOST_BYTES)
}

/** Notes for all runs that go on where the ending run worked, before its own files are removed. */
export function noteForOthers(commonDir: string, runId: string, { path, branch }: RunPlace): void {
  for (const { picture, others } of otherPictures(commonDir, runId)) {
    // Stop writing to the picture of a run that never came back.
    if (!mayGrow(others)) continue
    // Begin on a new line, so that a line that a kill or a full disk has cut spoils no other.
    appendFileSync(others, `\n${JSON.stringify({ path, branch })}\n`)
    // That run has ended meanwhile, and no longer reads.
    if (!existsSync(picture)) rmSync(others, { force: true })
  }
}

function noted(commonDir: string, runId: string): RunPlace[] {
  const file = othersFileOf(commonDir, runId)
  return (plainText(file) ?? '').split('\n').flatMap(placeIn)
}

/** What a line notes; nothing where it is torn. */
function placeIn(line: string): RunPlace | [] {
  try {
    return RunPlace.parse(JSON.parse(line), { jitless: true })
  } catch {
    return []
  }
}
