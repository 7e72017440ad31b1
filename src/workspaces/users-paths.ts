/** Returns whether a path is among the user's own changes; one that ends in `/` stands for everything below it. */
export function usersPaths(dirtyAtStart: string[]): (path: string) => boolean {
  const exact = new Set(dirtyAtStart)
  const folders = dirtyAtStart.filter(path => path.endsWith('/'))
  return path => exact.has(path) || folders.some(folder => path.startsWith(folder) || `${path}/` === folder)
}

/** How many paths, and how many characters of them, are given to one command. */
const MOST = { paths: 500, characters: 50_000 }

/** A few paths at or below which all of these are; none when that is anywhere. */
export function placesOf(paths: string[]): string[] {
  // A path that is no UTF-8 cannot be given to a command.
  const isFew = (some: string[]) =>
    some.length <= MOST.paths && some.join('').length <= MOST.characters && some.every(one => one.isWellFormed())
  const exact = paths.map(path => path.replace(/\/$/, ''))
  if (isFew(exact)) return exact
  const tops = [...new Set(exact.map(path => path.split('/', 1)[0]!))]
  return isFew(tops) ? tops : []
}
