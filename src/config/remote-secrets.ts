import { join } from 'node:path'
import { secretsInUrls } from '../core/redaction.ts'
import { plainText } from '../files/plain-file.ts'

/** The passwords and tokens that a repository's configuration has in its URLs; an agent may print them without the URL. */
export function remoteSecrets(repo: string): string[] {
  try {
    return secretsInUrls(plainText(join(repo, '.git', 'config')) ?? '')
  } catch {
    // A worktree, or no repository: in its URLs they are known by their look.
    return []
  }
}
