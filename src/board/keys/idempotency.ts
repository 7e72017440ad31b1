import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import type { Schema } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'

/** A request that a client may send twice. */
export interface Repeatable {
  /** What the client sends as `Idempotency-Key`. */
  key: string
  method: string
  path: string
  body: unknown
}

/** An answer as it is kept for the second time. */
export interface Answer {
  status: number
  body: unknown
}

/** The answer that is kept for this request; null when it was not answered yet. Throws USAGE when the key was used for another request. */
export async function keptAnswer(db: Kysely<Schema>, customer: string, request: Repeatable): Promise<Answer | null> {
  const { key, method, path } = request
  const kept = await db.selectFrom('idempotency').selectAll().where('customer', '=', customer).where('key', '=', key).executeTakeFirst()
  if (!kept) return null
  if (kept.method !== method || kept.path !== path || kept.body_hash !== hashOf(request))
    throw new RunnerError('USAGE', `Idempotency-Key: ${JSON.stringify(key)} was used for another request`, {
      advice: 'Use a new key for a new request.',
    })
  return { status: kept.status, body: JSON.parse(kept.body) }
}

/**
 * Does something once per key of a customer, in the transaction that keeps its answer: the same request gets the same answer, and of two at
 * once one waits for the other. A failure is not kept, since nothing was done. Throws USAGE when the key was used for another request.
 */
export async function once(
  tx: Tx,
  customer: string,
  request: Repeatable,
  act: () => Promise<Answer>,
): Promise<Answer & { repeated: boolean }> {
  const { key, method, path } = request
  const row = { customer, key, method, path, body_hash: hashOf(request), status: 0, body: '', created_at: tx.at }
  const first = await tx.db
    .insertInto('idempotency')
    .values(row)
    .onConflict(conflict => conflict.columns(['customer', 'key']).doNothing())
    .returning('key')
    .executeTakeFirst()
  const kept = first ? null : await keptAnswer(tx.db, customer, request)
  if (kept) return { ...kept, repeated: true }
  const answer = await act()
  await tx.db
    .updateTable('idempotency')
    .set({ status: answer.status, body: JSON.stringify(answer.body ?? null) })
    .where('customer', '=', customer)
    .where('key', '=', key)
    .execute()
  return { ...answer, repeated: false }
}

const hashOf = ({ body }: Repeatable) =>
  createHash('sha256')
    .update(JSON.stringify(body ?? null))
    .digest('hex')
