import { type LimitNode, PostgresDialect, PostgresQueryCompiler, SqliteQueryCompiler, ValueNode } from 'kysely'

/**
 * Databases plan by how many rows are wanted. SQLite plans a statement anew each time its `limit ?` is given, which takes ten times as long as
 * running it; PostgreSQL finds no plan for all limits that is good enough, and plans anew too. A limit that stands in the statement is planned once.
 */
const literal = ({ limit }: LimitNode): string | null =>
  ValueNode.is(limit) && Number.isInteger(limit.value) ? `limit ${limit.value}` : null

/** Writes SQL for SQLite, limits included. */
export class SqliteCompiler extends SqliteQueryCompiler {
  protected override visitLimit(node: LimitNode): void {
    const text = literal(node)
    if (text === null) super.visitLimit(node)
    else this.append(text)
  }
}

class PostgresCompiler extends PostgresQueryCompiler {
  protected override visitLimit(node: LimitNode): void {
    const text = literal(node)
    if (text === null) super.visitLimit(node)
    else this.append(text)
  }
}

/** Kysely's dialect, which writes limits into the SQL. */
export class LiteralPostgresDialect extends PostgresDialect {
  override createQueryCompiler() {
    return new PostgresCompiler()
  }
}
