import { join } from 'node:path'
import { secretsInUrls } from '../../core/redaction.ts'
import { plainText } from '../../machine/files/plain-file.ts'

/** The passwords and tokens that a repository's configuration has in its URLs; an agent may print them without the URL. */
export function remoteSecrets(repo: string): string[] {
  try {
    return secretsInUrls(plainText(join(repo, '.git', 'config')) ?? '')
  } catch {
    // It is a worktree, or no repository: then secrets in URLs are recognised by their form.
    return []
  }
}
