import type { Git } from './git.ts'
import { identityOf } from './identity.ts'
import { isYes, readSettings } from './settings.ts'

/** What the user's configuration says of commits. */
export interface CommitSettings {
  /** Environment that says who commits. */
  env: Record<string, string>
  /** Whether the user wants commits signed. */
  isSigned: boolean
  /** Whether the configuration names hooks, or a folder of them. */
  namesHooks: boolean
}

/** Asks git once for all of it. `author`: whom our own configuration names. */
export async function commitSettings(git: Git, author: { name: string; email: string } | null): Promise<CommitSettings> {
  const entries = await readSettings(git, '^(user\\.(name|email)|commit\\.gpgsign|core\\.hookspath|hook\\..*)$')
  // The last is our own, which keeps all other commands from signing.
  const signing = entries.filter(({ name }) => name === 'commit.gpgsign').at(-2)
  return {
    env: identityOf(author, entries),
    isSigned: signing !== undefined && isYes(signing.value),
    namesHooks: entries.some(({ name }) => name === 'core.hookspath' || name.startsWith('hook.')),
  }
}
