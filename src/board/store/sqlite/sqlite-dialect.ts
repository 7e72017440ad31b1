import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Kysely,
  type LimitNode,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type SqliteStatement,
} from 'kysely'
import { literalLimit } from '../literal-limits.ts'

/** Kysely on Node's own SQLite. `file` is the real path; it names the queue in which the connections of this process wait. */
export class NodeSqliteDialect implements Dialect {
  readonly #database: DatabaseSync
  readonly #file: string

  constructor(database: DatabaseSync, file: string) {
    this.#database = database
    this.#file = file
  }

  createDriver() {
    return new NodeSqliteDriver(this.#database, this.#file)
  }

  createQueryCompiler() {
    return new Compiler()
  }

  createAdapter() {
    return new SqliteAdapter()
  }

  createIntrospector(db: Kysely<unknown>) {
    return new SqliteIntrospector(db)
  }
}

class Compiler extends SqliteQueryCompiler {
  protected override visitLimit(node: LimitNode): void {
    const text = literalLimit(node)
    if (text === null) super.visitLimit(node)
    else this.append(text)
  }
}

/**
 * Calls into SQLite block the thread, also while they wait for another connection's write. So two connections of one
 * process to the same file must take turns: else one would wait, blocking, for a transaction that can only go on
 * when the thread is free.
 */
const lastInLine = new Map<string, Promise<void>>()

class NodeSqliteDriver extends SqliteDriver {
  readonly #file: string
  #leave: () => void = () => {}

  constructor(database: DatabaseSync, file: string) {
    super({ database: speakingKysely(database) })
    this.#file = file
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const before = lastInLine.get(this.#file)
    const turn = Promise.withResolvers<void>()
    lastInLine.set(this.#file, turn.promise)
    await before
    this.#leave = turn.resolve
    return super.acquireConnection()
  }

  override async releaseConnection(): Promise<void> {
    this.#leave()
  }

  /** A transaction that reads first and writes later would fail when another process wrote in between; this one waits at its start. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }
}

/** How many prepared statements are kept. Preparing takes longer than most of them run. */
const PREPARED = 300

/** The few methods of better-sqlite3 that Kysely's driver uses, on top of node:sqlite. */
function speakingKysely(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = prepared.get(sql)
      if (known) return known
      // The oldest makes room; a statement in constant use is soon back.
      if (prepared.size >= PREPARED) prepared.delete(prepared.keys().next().value!)
      const statement = database.prepare(sql)
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
      const made: SqliteStatement = {
        reader: statement.columns().length > 0,
        all: parameters => statement.all(...values(parameters)),
        run: parameters => statement.run(...values(parameters)),
        iterate: parameters => statement.iterate(...values(parameters)),
      }
      prepared.set(sql, made)
      return made
    },
  }
}
