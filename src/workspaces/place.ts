import { dirname } from 'node:path'
import type { WorkspaceRequest } from '../core/ports/workspaces.ts'
import type { Git } from '../git/git.ts'
import type { Repository } from '../git/repository.ts'
import type { WorkspaceOptions } from './options.ts'

/** All that one call about one run needs. */
export interface Place {
  options: WorkspaceOptions
  request: WorkspaceRequest
  repository: Repository
  /** Git at the repository's top. */
  git: Git
  /** The folder of the worktrees. */
  base: string
  /** Why it is not the configured one; null when it is. */
  baseRemark: string | null
  /** The program's own state folder, or null. */
  state: string | null
  /** The agent that has the run: its id and its state folder. */
  holder: string
}

/**
 * Git in a checkout that never looks above it: a worktree inside the repository that has lost its `.git` must not be taken for the user's
 * own checkout.
 */
export function gitAt(place: Place, checkout: string): Git {
  return place.git.at(checkout, { GIT_CEILING_DIRECTORIES: dirname(checkout) })
}

/** The folders of our own that may lie in the checkout: git must not see them. */
export function ownFolders({ base, state }: Place): string[] {
  return state === null ? [base] : [base, state]
}
