import { type RawBuilder, type SelectQueryBuilder, sql } from 'kysely'
import { LIMITS } from '../../core/limits.ts'
import type { Schema } from './schema.ts'

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

/** How long these columns of a row are together, in bytes. The database reads that where the row begins, and not the texts. */
export const weightOf = (columns: readonly string[]): RawBuilder<number> =>
  sql<number>`${sql.join(
    columns.map(column => sql`coalesce(octet_length(${sql.ref(column)}), 0)`),
    sql` + `,
  )}`

interface Weighed {
  seq: number
  weight: number
}

/** Which rows of those that were weighed, in the order of the list, are on a page: `from` is the last of them, null for none. One row always fits. */
export function fitting(rows: readonly Weighed[], limit: number): { count: number; from: number | null; next: number | null } {
  let bytes = 0
  let count = 0
  for (const { weight } of rows.slice(0, limit)) {
    bytes += Number(weight)
    if (count > 0 && bytes > LIMITS.pageBytes.most) break
    count++
  }
  const from = rows[count - 1]?.seq ?? null
  return { count, from, next: rows.length > count ? from : null }
}

// biome-ignore lint/suspicious/noExplicitAny: any select of a table with such a column.
type Listing = SelectQueryBuilder<Schema, any, any>

/**
 * A page of a list, newest first: at most `limit` rows, and as many as the limit `pageBytes` lets in by their weight. They are weighed first, so
 * that `read` reads no more of them than are shown: so many, down to this one.
 */
export async function readPage<R, T>(
  query: Listing,
  { limit, weight, show }: { limit: number; weight: RawBuilder<number>; show: (row: R) => T },
  read: (from: number, count: number) => { execute(): Promise<R[]> },
): Promise<Page<T>> {
  const weighed = query.select(['seq', weight.as('weight')]).orderBy('seq', 'desc')
  const { count, from, next } = fitting(await weighed.limit(limit + 1).execute(), limit)
  return from === null ? { items: [], next: null } : { items: (await read(from, count).execute()).map(show), next }
}
