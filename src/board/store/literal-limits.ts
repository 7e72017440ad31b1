import { type LimitNode, ValueNode } from 'kysely'

/**
 * A limit as it stands in the statement itself; null for one that is no plain number. Databases plan by how many rows are wanted: SQLite plans a
 * statement anew each time its `limit ?` is given, which takes ten times as long as running it, and PostgreSQL finds no plan for all limits that
 * is good enough, and plans anew too.
 */
export const literalLimit = ({ limit }: LimitNode): string | null =>
  ValueNode.is(limit) && Number.isInteger(limit.value) ? `limit ${limit.value}` : null
