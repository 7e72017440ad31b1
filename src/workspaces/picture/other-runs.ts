import { appendFileSync, existsSync, rmSync, statSync } from 'node:fs'
import * as z from 'zod'
import { realPath } from '../../git/checkout/worktree-list.ts'
import { plainText } from '../../machine/files/plain-file.ts'
import { readIntents } from '../intent.ts'
import type { Place } from '../place.ts'
import { RunPlace } from '../run-files.ts'
import { sealedPlaces } from '../seal.ts'
import { otherPictures, othersFileOf } from './picture.ts'
import { OthersSetting } from './shared-files.ts'
import { isSame, OthersMove, type SteeringFiles } from './steering-files.ts'

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
  note(commonDir, runId, [{ path, branch }])
}

/** Notes for them what of their pictures it has put right: what they saw may have been its agent's. */
export function noteMovesForOthers(commonDir: string, runId: string, moves: OthersMove[]): void {
  note(
    commonDir,
    runId,
    moves.map(moved => ({ moved })),
  )
}

/** What other runs have put back since the run's picture was taken. */
export function othersMoves(commonDir: string, runId: string): OthersMove[] {
  return linesOf(commonDir, runId).flatMap(line => Line.safeParse(line).data?.moved ?? [])
}

/** The same for settings of a file. */
export function noteSettingsForOthers(commonDir: string, runId: string, settings: OthersSetting[]): void {
  note(
    commonDir,
    runId,
    settings.map(setting => ({ setting })),
  )
}

/** What other runs have put back in a file of settings since the run's picture was taken. */
export function othersSettings(commonDir: string, runId: string, file: string): OthersSetting[] {
  const all = linesOf(commonDir, runId).flatMap(line => SettingLine.safeParse(line).data?.setting ?? [])
  return all.filter(setting => setting.file === file)
}

/** A run's picture of what steers git, without what the agents of others had made of it. */
export function withoutOthers(commonDir: string, runId: string, before: SteeringFiles): SteeringFiles {
  const files = { ...before.files }
  for (const { path, was, found, now } of othersMoves(commonDir, runId)) {
    const seen = files[path] ?? { is: 'absent' }
    if (!isSame(seen, found) && !isSame(seen, was)) continue
    files[path] = now
    if (now.is !== 'folder') for (const one of Object.keys(files)) if (one.startsWith(`${path}/`)) delete files[one]
  }
  return { ...before, files }
}

function note(commonDir: string, runId: string, lines: object[]): void {
  for (const { picture, others } of otherPictures(commonDir, runId)) {
    // Stop writing to the picture of a run that never came back.
    if (!mayGrow(others)) continue
    // Begin on a new line, so that a line that a kill or a full disk has cut spoils no other.
    for (const line of lines) appendFileSync(others, `\n${JSON.stringify(line)}\n`)
    // That run has ended meanwhile, and no longer reads.
    if (!existsSync(picture)) rmSync(others, { force: true })
  }
}

const Line = z.object({ moved: OthersMove })
const SettingLine = z.object({ setting: OthersSetting })

function noted(commonDir: string, runId: string): RunPlace[] {
  return linesOf(commonDir, runId).flatMap(line => RunPlace.safeParse(line).data ?? [])
}

/** What the lines note; nothing where one is torn. */
function linesOf(commonDir: string, runId: string): unknown[] {
  const text = plainText(othersFileOf(commonDir, runId)) ?? ''
  return text.split('\n').flatMap(line => {
    try {
      return line === '' ? [] : [JSON.parse(line) as unknown]
    } catch {
      return []
    }
  })
}
