import type { Git } from './git.ts'
import { readSettings, type Setting } from './settings.ts'

/** `identityOf`, with what git's configuration says now. */
export async function identityEnv(git: Git, author: { name: string; email: string } | null): Promise<Record<string, string>> {
  return identityOf(author, author ? [] : await readSettings(git, '^user\\.(name|email)$'))
}

/**
 * Environment that says who commits: the configured author, else nothing when the user has an identity (git takes it),
 * else a built-in one, so that a machine without identity loses no work.
 */
export function identityOf(author: { name: string; email: string } | null, settings: Setting[]): Record<string, string> {
  const has = (key: string) => settings.some(({ name, value }) => name === key && value)
  if (!author && has('user.name') && has('user.email')) return {}
  const { name, email } = author ?? { name: 'Agent Runner', email: 'agent-runner@localhost' }
  return { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email }
}
