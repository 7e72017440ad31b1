import type { Git } from './git.ts'

/** How a commit of ours is signed. */
export interface Signing {
  /** Settings of the command that commits. */
  config: string[]
  /** Why it is not signed although the user wants that; null otherwise. */
  remark: string | null
}

/**
 * Whether commits can be signed, as the user wants it (`commit.gpgSign`). It signs one that nobody will see, without a terminal and in
 * bounded time: a key that is missing or asks for its passphrase must not cost the work.
 */
export async function signingOf(git: Git, tree: string, env: Record<string, string>): Promise<Signing> {
  try {
    await git.run(['commit-tree', '-S', tree], { env, input: 'Can this be signed?\n' })
    return { config: ['commit.gpgSign=true'], remark: null }
  } catch (failure) {
    const remark = `commit.gpgSign is set, but the commit could not be signed (${(failure as Error).message}), so it is unsigned; \`git commit --amend --no-edit -S\` signs it.`
    return { config: [], remark }
  }
}
