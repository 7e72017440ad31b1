import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Git } from '../git.ts'

/*
 * `git add` and `git diff` look into each repository that the index has a link to, by a git that goes by the settings there, which are the agent's. So
 * those are left out of such commands.
 */

/** Those of the links at which there is a repository. */
export const entered = (git: Git, links: string[]) => links.filter(path => existsSync(join(git.cwd, path, '.git')))

/** Leaves paths out of what a command of git is for. */
export const leavingOut = (paths: string[]) => paths.map(path => `:(top,exclude,literal)${path}`)
