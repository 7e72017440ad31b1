import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { boardCounts } from '../../../board/store/sqlite/board-counts.ts'
import { boardFile } from '../../task/embedded-board.ts'
import { documentEntry, jsonEntry, type Redact, textEntry } from './files.ts'
import type { Entry } from './tar.ts'

/** How many lines the listing has at most. */
const LINES = 5_000

/** Everything in the state folder besides runs: lock files, limits, logs, the board's numbers, and a listing. */
export function stateEntries(home: string, redact: Redact, withWork: boolean): Entry[] {
  const all = paths(home)
  const lockFiles = all.filter(path => /^locks\/(released\/)?agent-.*(\.lock(\.unreadable-\d+)?|\.runner\.json)$/.test(path))
  return [
    ...[...lockFiles, ...all.filter(path => /^limits\/.*\.json$/.test(path))].map(path =>
      jsonEntry(path, join(home, path), redact, withWork),
    ),
    ...all.filter(path => /^health-[^/]*\.log$/.test(path)).map(path => textEntry(path, join(home, path), redact)),
    board(home, redact),
    { path: 'files.txt', text: redact(listing(home, all)) },
  ].filter(entry => entry !== null)
}

function board(home: string, redact: Redact): Entry | null {
  const file = boardFile(home)
  if (!existsSync(file)) return null
  try {
    return documentEntry('board.json', boardCounts(file), redact, true)
  } catch (error) {
    return documentEntry('board.json', { problem: (error as Error).message }, redact, true)
  }
}

/** The paths of our own files there. Worktrees, hooks and other things that a user keeps in it are only named. */
function paths(home: string): string[] {
  const below = ['locks', 'limits', 'runs'].flatMap(folder => names(join(home, folder), true).map(name => `${folder}/${name}`))
  return [...names(home, false), ...below].sort()
}

function names(folder: string, recursive: boolean): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: 'utf8' })
  } catch {
    return []
  }
}

function listing(home: string, all: string[]): string {
  const lines = ['', ...all].slice(0, LINES).map(path => {
    const entry = lstatSync(join(home, path), { throwIfNoEntry: false })
    // It disappeared while we looked.
    if (!entry) return `gone ${path}`
    const kind = entry.isDirectory() ? 'd' : entry.isFile() ? '-' : entry.isSymbolicLink() ? 'l' : '?'
    const mode = (entry.mode & 0o7777).toString(8).padStart(4, '0')
    return `${kind} ${mode} ${entry.uid} ${String(entry.size).padStart(10)} ${entry.mtime.toISOString()} ${path || basename(home)}`
  })
  if (all.length > LINES) lines.push(`and ${all.length - LINES} more`)
  return `${lines.join('\n')}\n`
}
