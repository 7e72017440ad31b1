import type { Compilable, CompiledQuery, Kysely } from 'kysely'
import type { Schema } from './schema.ts'

/** Where a value belongs in a compiled query. */
class Place {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** Answers a place for each name that it is asked for. */
const PLACES = new Proxy({}, { get: (_, name) => new Place(String(name)) })

/** The names of statements that are asked thousands of times; there are a few dozen. */
const names = new Map<string, string>()

/** Gives a statement's text a name from now on, so that PostgreSQL reads and plans it once per connection. */
export function named(sql: string): string {
  if (!names.has(sql)) names.set(sql, `agent_runner_${names.size}`)
  return sql
}

/** The name by which PostgreSQL knows a statement; undefined for one that is read anew each time. */
export const nameOf = (sql: string): string | undefined => names.get(sql)

interface On {
  db: Kysely<Schema>
}

/**
 * A query for where it is asked thousands of times: built and compiled once per store, which takes longer than most of them run, and from
 * then on only run with other values. What `build` gets are places and no values: it may put them into the query and do nothing else with them.
 */
export function prepared<O extends On, V extends object, R>(
  build: (on: O, values: V) => Compilable<R>,
): (on: O, values: V) => Promise<R[]> {
  // Each store has one adapter, in and outside of its transactions.
  const compiled = new WeakMap<object, CompiledQuery<R>>()
  return async (on, values) => {
    const { adapter } = on.db.getExecutor()
    let query = compiled.get(adapter)
    if (!query) {
      query = build(on, PLACES as V).compile()
      compiled.set(adapter, query)
      named(query.sql)
    }
    const parameters = query.parameters.map(value => (value instanceof Place ? values[value.name as keyof V] : value))
    return (await on.db.executeQuery<R>({ ...query, parameters })).rows
  }
}

/** One such query per shape: for what is not a value, such as how many there are of something. */
export function preparedByShape<S extends string, O extends On, V extends object, R>(
  build: (on: O, values: V, shape: S) => Compilable<R>,
): (on: O, shape: S, values: V) => Promise<R[]> {
  const queries = new Map<S, (on: O, values: V) => Promise<R[]>>()
  return (on, shape, values) => {
    let query = queries.get(shape)
    if (!query) {
      query = prepared<O, V, R>((places, names) => build(places, names, shape))
      queries.set(shape, query)
    }
    return query(on, values)
  }
}

/** A query about things of these ids; the one about a single thing is prepared. */
export function preparedForOne<R>(
  build: (db: Kysely<Schema>, ids: readonly string[]) => Compilable<R> & { execute(): Promise<R[]> },
): (db: Kysely<Schema>, ids: readonly string[]) => Promise<R[]> {
  const one = prepared(({ db }: On, { id }: { id: string }) => build(db, [id]))
  return (db, ids) => (ids.length === 1 ? one({ db }, { id: ids[0]! }) : build(db, ids).execute())
}
