/** A text as one word of a POSIX shell, bash or zsh, as it is; quoted only where it must be. */
export function shellWord(text: string): string {
  return /^[\w@%+:,./-][\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
