import type { Kysely } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import type { Schema } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'

/** Who acts for an agent. */
interface Actor {
  customer: string | null
  /** The worker key of the request; none for admins and calls within this process, which may act for every agent. */
  workerKey?: string | null
}

/**
 * Checks whether somebody may act as an agent, to register it or to take work, and returns how to record that afterwards. The first
 * worker key owns the agent until it is revoked; no other one may speak for it. When somebody without such a key takes work as the agent,
 * nobody owns it any more. Throws NOT_YOURS.
 */
export async function entrance(tx: Tx, by: Actor, agentId: string): Promise<() => Promise<void>> {
  const customer = by.customer ?? ''
  const { workerKey: key } = by
  if (!key)
    return async () => {
      await tx.db.deleteFrom('agent_keys').where('customer', '=', customer).where('agent_id', '=', agentId).execute()
    }
  const bound = await keyOf(tx.db, customer, agentId)
  if (bound?.key_id === key) return async () => {}
  if (bound ? bound.revoked_at === null : await holdsWork(tx.db, customer, agentId)) throw notYours(agentId)
  return async () => {
    await tx.db
      .insertInto('agent_keys')
      .values({ customer, agent_id: agentId, key_id: key })
      .onConflict(conflict =>
        conflict
          .columns(['customer', 'agent_id'])
          .doUpdateSet({ key_id: key })
          .where('agent_keys.key_id', '=', bound?.key_id ?? ''),
      )
      .execute()
    // Of two that come at once, one is the first.
    await speakAs(tx.db, by, agentId)
  }
}

/** Checks that the caller may speak for an agent. Throws NOT_YOURS when the agent belongs to another key, or to none. */
export async function speakAs(db: Kysely<Schema>, by: Actor, agentId: string): Promise<void> {
  if (!by.workerKey) return
  const bound = await keyOf(db, by.customer ?? '', agentId)
  if (bound?.key_id !== by.workerKey) throw notYours(agentId)
}

const keyOf = (db: Kysely<Schema>, customer: string, agentId: string) =>
  db
    .selectFrom('agent_keys')
    .leftJoin('api_keys', 'api_keys.id', 'agent_keys.key_id')
    .select(['agent_keys.key_id', 'api_keys.revoked_at'])
    .where('agent_keys.customer', '=', customer)
    .where('agent_keys.agent_id', '=', agentId)
    .executeTakeFirst()

async function holdsWork(db: Kysely<Schema>, customer: string, agentId: string): Promise<boolean> {
  const task = await db
    .selectFrom('tasks')
    .select('id')
    .where('customer', '=', customer)
    .where('locked_by', '=', agentId)
    .executeTakeFirst()
  return task !== undefined
}

function notYours(agentId: string): RunnerError {
  return new RunnerError('NOT_YOURS', `the agent ${agentId} belongs to another key, or has not registered by this one`)
}
