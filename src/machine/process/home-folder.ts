import { homedir, userInfo } from 'node:os'
import { isAbsolute } from 'node:path'

/**
 * The user's home folder: HOME where that is an absolute path, else the one in the system's list of users; null where neither names one.
 */
export function homeFolder(): string | null {
  return [homedir, () => userInfo().homedir].map(answer).find(isAbsolute) ?? null
}

/** What cannot be said is ''. */
function answer(ask: () => string): string {
  try {
    return ask()
  } catch {
    return ''
  }
}
