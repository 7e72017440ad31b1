import { sep } from 'node:path'
import { homeFolder } from '../../machine/process/home-folder.ts'

/** A path with the home folder as `~`. */
export function tilde(path: string, home = homeFolder() ?? ''): string {
  return home.length > 1 && (path === home || path.startsWith(home + sep)) ? `~${path.slice(home.length)}` : path
}
