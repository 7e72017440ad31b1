import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Git } from '../git.ts'

/*
 * `git add` and `git diff` look into each repository that the index links to, with a git that follows the settings there, which may be
 * the agent's. So such repositories are left out of these commands.
 */

/** Those of the links at which there is a repository. */
export const entered = (git: Git, links: string[]) => links.filter(path => existsSync(join(git.cwd, path, '.git')))

/** Arguments that leave paths out of a git command. */
export const leavingOut = (paths: string[]) => paths.map(path => `:(top,exclude,literal)${path}`)
