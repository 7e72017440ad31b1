/** Answers whether a path is among the user's own changes; one that ends in `/` stands for all below it. */
export function usersPaths(dirtyAtStart: string[]): (path: string) => boolean {
  const exact = new Set(dirtyAtStart)
  const folders = dirtyAtStart.filter(path => path.endsWith('/'))
  return path => exact.has(path) || folders.some(folder => path.startsWith(folder) || `${path}/` === folder)
}

/** A few paths for a sentence: `a, b, c and 4 more`. */
export function somePaths(paths: string[], most = 3): string {
  const shown = paths.slice(0, most).join(', ').toWellFormed()
  return paths.length > most ? `${shown} and ${paths.length - most} more` : shown
}
