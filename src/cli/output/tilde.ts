import { homedir } from 'node:os'
import { sep } from 'node:path'

/** A path with the home folder as `~`. */
export function tilde(path: string, home: string = homedir()): string {
  return home.length > 1 && (path === home || path.startsWith(home + sep)) ? `~${path.slice(home.length)}` : path
}
