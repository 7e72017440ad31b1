import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { hash } from './fingerprint.ts'
import { trustFolder } from './places.ts'

/** What a user has trusted: one repository, by its path and by every file that has a say. */
export interface TrustRecord {
  version: 1
  path: string
  /** When, as ISO 8601. */
  at: string
  /** SHA-256 by file; relative names count from the repository. */
  files: Record<string, string>
}

/** The record of a repository; null when there is none, or when others could have written it. */
export function readTrust(home: string, repo: string): TrustRecord | null {
  const record = readRecord(home, fileName(repo))
  return record?.path === repo ? record : null
}

/** All that is recorded, by path. */
export function listTrust(home: string): TrustRecord[] {
  let names: string[]
  try {
    names = readdirSync(trustFolder(home)).filter(name => name.endsWith('.json'))
  } catch {
    return []
  }
  return names.flatMap(name => readRecord(home, name) ?? []).sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Records trust in a repository, in a file that only its owner can read; replaces an older record. Throws STATE_UNUSABLE. */
export function recordTrust(home: string, path: string, files: Record<string, string>): void {
  const record: TrustRecord = { version: 1, path, at: new Date().toISOString(), files }
  const target = join(trustFolder(home), fileName(path))
  const temporary = `${target}.${process.pid}.tmp`
  try {
    mkdirSync(trustFolder(home), { recursive: true, mode: 0o700 })
    writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new RunnerError('STATE_UNUSABLE', `trust cannot be recorded: ${(error as Error).message}`, { cause: error })
  }
}

/** Forgets a repository. Returns whether anything was recorded. */
export function revokeTrust(home: string, repo: string): boolean {
  const path = join(trustFolder(home), fileName(repo))
  const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined
  rmSync(path, { force: true })
  return isThere
}

const fileName = (repo: string) => `${hash(repo).slice(0, 32)}.json`

/** A record, if it is one and nobody else can have written it. */
function readRecord(home: string, name: string): TrustRecord | null {
  try {
    if (![home, trustFolder(home)].every(folder => isOurs(statSync(folder)))) return null
    const file = openSync(join(trustFolder(home), name), 'r')
    try {
      return isOurs(fstatSync(file)) ? parsed(readFileSync(file, 'utf8')) : null
    } finally {
      closeSync(file)
    }
  } catch {
    return null
  }
}

const isOurs = ({ uid, mode }: { uid: number; mode: number }) => (!process.getuid || uid === process.getuid()) && (mode & 0o022) === 0

function parsed(text: string): TrustRecord | null {
  const record = JSON.parse(text) as TrustRecord
  return record.version === 1 && typeof record.path === 'string' && typeof record.files === 'object' ? record : null
}
