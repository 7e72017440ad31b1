import { oneLine } from './clean.ts'

/** A text as one word of a shell command that can be copied. */
export function shellWord(text: string): string {
  const safe = oneLine(text)
  return /^[\w@%+=:,./-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", "'\\''")}'`
}
