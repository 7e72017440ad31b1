import type { Config } from '../../config/config.ts'
import { passOn } from '../../machine/process/child-environment.ts'
import type { KeptWork } from '../../workspaces/kept/kept-work.ts'
import { commitAuthor } from './workspaces.ts'

export type { KeptContent, KeptPiece, KeptWork } from '../../workspaces/kept/kept-work.ts'

/** The kept work of the configured repository. `places` are folders that runs have left, `busy` those in which unfinished runs work. */
export async function openConfiguredKeptWork({ values }: Config, places: string[], busy: string[]): Promise<KeptWork> {
  passOn(values.passEnv)
  const { openKeptWork } = await import('../../workspaces/kept/kept-work.ts')
  const { repo, worktreeBase, home: stateFolder } = values
  return await openKeptWork({ repo, worktreeBase, stateFolder, author: commitAuthor(values), places, busy })
}
