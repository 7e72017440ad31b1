/** One page of a list, newest first. */
export interface Page<T> {
  items: T[]
  /** `before` of the next page; null when this is the last one. */
  next: number | null
}

/** How many, and where the last page ended: a number that only grows, so that what is added in between moves nothing. */
export interface PageWish {
  limit?: number
  /** Only what is older than this; left out or null: the newest. */
  before?: number | null
}

/** How many a list shows unless said otherwise. */
export const PAGE = 50

/** The page from rows of which one more was read than is shown. */
export function toPage<R extends { seq: number }, T>(rows: R[], limit: number, show: (row: R) => T): Page<T> {
  const shown = rows.slice(0, limit)
  return { items: shown.map(show), next: rows.length > limit ? shown.at(-1)!.seq : null }
}
