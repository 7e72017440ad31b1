import type { Git } from './git.ts'

/**
 * Environment that says who commits: the configured author, else nothing when the user has an identity (git takes it),
 * else a built-in one, so that a machine without identity loses no work.
 */
export async function identityEnv(git: Git, author: { name: string; email: string } | null): Promise<Record<string, string>> {
  if (!author) {
    const configured = (await git.ask(['config', '--get-regexp', '^user\\.(name|email)$'])) ?? ''
    if (/^user\.name ./m.test(configured) && /^user\.email ./m.test(configured)) return {}
  }
  const { name, email } = author ?? { name: 'Agent Runner', email: 'agent-runner@localhost' }
  return { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email }
}
