import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import type { Key } from './schema.ts'
import { fromMapping } from './settings-file.ts'
import type { Found, Problem } from './source.ts'
import { readTextFile } from './text-file.ts'

/** Where the user's own file is. */
export const userFilePath = (home: string) => join(home, 'config.json')

/** What the user file sets. Reading neither makes nor changes it, or the folder that it is in. */
export function readUserFile(home: string, problems: Problem[]): Map<Key, Found> {
  const path = userFilePath(home)
  const text = readTextFile(path, 'user', problems)
  if (text === null || text.trim() === '') return new Map()
  try {
    return fromMapping(JSON.parse(text), { kind: 'user', path, lineOf: () => null }, problems)
  } catch (thrown) {
    problems.push({ kind: 'user', message: `${path}: ${sayJsonError(text, thrown)}` })
    return new Map()
  }
}

/** Writes settings (by key; a dot goes into a group) into the user file, atomically, for its owner's eyes alone. */
export async function writeUserFile(home: string, change: { set?: Record<string, unknown>; unset?: string[] }): Promise<string> {
  const { default: Conf } = await import('conf')
  const file = new Conf({ cwd: home, configName: 'config', configFileMode: 0o600 })
  for (const [key, value] of Object.entries(change.set ?? {})) file.set(key, value)
  for (const key of change.unset ?? []) file.delete(key)
  chmodSync(home, 0o700)
  chmodSync(file.path, 0o600)
  return file.path
}

/** V8 names a position; people want a line. Its quotation of the text is left out, since a secret may stand there. */
function sayJsonError(text: string, thrown: unknown): string {
  const position = /position (\d+)/.exec(thrown instanceof Error ? thrown.message : '')?.[1]
  const line = text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length
  return `line ${line}: not valid JSON`
}
