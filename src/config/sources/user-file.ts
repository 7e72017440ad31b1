import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type Conf from 'conf'
import { RunnerError } from '../../core/errors.ts'
import { readJson } from '../../core/json.ts'
import { homeFolder } from '../../machine/process/home-folder.ts'
import type { Key } from '../schema.ts'
import type { Found, Problem } from '../source.ts'
import { fromMapping } from './settings-file.ts'
import { readTextFile } from './text-file.ts'

/** Where the user's own file is. */
export const userFilePath = (home: string) => join(home, 'config.json')

/** What the user file sets. Reading neither makes nor changes it, or the folder that it is in. */
export function readUserFile(home: string, problems: Problem[]): Map<Key, Found> {
  const path = userFilePath(home)
  const text = readTextFile(path, 'user', problems)?.text ?? ''
  if (text.trim() === '') return new Map()
  try {
    return fromMapping(readJson(text), { kind: 'user', path, lineOf: () => null }, problems)
  } catch (thrown) {
    problems.push({ kind: 'user', message: `${path}: ${sayJsonError(text, thrown)}` })
    return new Map()
  }
}

/**
 * Writes settings into the user file (a dot in a key goes into a group), atomically, and readable only by its owner. Returns its path.
 * Throws STATE_UNUSABLE when that cannot be done.
 */
export async function writeUserFile(home: string, settings: Record<string, unknown>): Promise<string> {
  return withFile(home, file => {
    for (const [key, value] of Object.entries(settings)) {
      dropDotted(file, key)
      file.set(key, value)
    }
    return file.path
  })
}

/** Removes a key, known or not, from the user file. Returns whether it was there; it makes no file. */
export async function unsetInUserFile(home: string, key: string): Promise<boolean> {
  if (readTextFile(userFilePath(home), 'user', []) === null) return false
  return withFile(home, file => {
    const dotted = dropDotted(file, key)
    const nested = file.has(key)
    if (nested) file.delete(key)
    return dotted || nested
  })
}

async function withFile<T>(home: string, change: (file: Conf) => T): Promise<T> {
  // While it loads, the library asks for a home folder that it does not use here; this process may have none.
  if (homeFolder() === null) process.env.HOME = home
  const { default: Conf } = await import('conf')
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 })
    const file = new Conf({ cwd: home, configName: 'config', configFileMode: 0o600 })
    const result = change(file)
    chmodSync(file.path, 0o600)
    return result
  } catch (thrown) {
    throw new RunnerError('STATE_UNUSABLE', `${userFilePath(home)}: ${(thrown as Error).message}`, { cause: thrown })
  }
}

/** A person may have written `"models.junior"` instead of a group; conf would write the group beside it. */
function dropDotted(file: Conf, key: string): boolean {
  if (!key.includes('.') || !Object.hasOwn(file.store, key)) return false
  const { [key]: _, ...rest } = file.store
  file.store = rest
  return true
}

/** V8 names a position; people want a line. Its quotation of the text is left out, since a secret may stand there. */
function sayJsonError(text: string, thrown: unknown): string {
  const position = /position (\d+)/.exec(thrown instanceof Error ? thrown.message : '')?.[1]
  const line = text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length
  return `line ${line}: not valid JSON`
}
