/** A few paths for a sentence: `a, b, c and 4 more`. */
export function somePaths(paths: string[], most = 3): string {
  const shown = paths.slice(0, most).join(', ').toWellFormed()
  return paths.length > most ? `${shown} and ${paths.length - most} more` : shown
}
