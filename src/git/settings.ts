import type { Git } from './git.ts'

/** An entry of git's configuration. */
export interface Setting {
  /** Section and key stand in small letters. */
  name: string
  /** Null where only the name is there, which is git's short form of "true". */
  value: string | null
}

/** The entries whose names fit, in git's order: the last of a name counts. */
export async function readSettings(git: Git, pattern: string): Promise<Setting[]> {
  const found = (await git.ask(['config', '-z', '--get-regexp', pattern])) ?? ''
  return found.split('\0').flatMap(entry => {
    const at = entry.indexOf('\n')
    if (entry === '') return []
    return at < 0 ? { name: entry, value: null } : { name: entry.slice(0, at), value: entry.slice(at + 1) }
  })
}

/** git's reading of a truth value; what it would refuse counts as "no". */
export function isYes(value: string | null): boolean {
  if (value === null || /^(true|yes|on)$/i.test(value)) return true
  return /^[+-]?\d+[kmg]?$/i.test(value) && Number.parseInt(value, 10) !== 0
}
