import type { Kysely } from 'kysely'
import { type NewEvent, writeEvents } from '../events/event-rows.ts'
import type { Differences } from './differences.ts'
import type { Schema } from './schema.ts'
import type { Store } from './store.ts'

/** A change under way: all of it is committed together with its events, or nothing. */
export interface Tx {
  readonly db: Kysely<Schema>
  readonly differs: Differences
  /** When it happens: the same ISO 8601 time in all that it writes. */
  readonly at: string
  /** How many bytes a customer may store; null for any number. */
  readonly quota: number | null
  /** Adds an event of a run. It is written last, so that the time in which only this transaction may add events is short. */
  happened(run: number, type: string, data: Record<string, unknown>, origin?: NewEvent['origin']): void
  /** Whom it concerns: those who wait for this topic are woken once it is committed. */
  concerns(topic: string): void
  /** Adds to the stored bytes of this customer, or subtracts; events are counted automatically. It is written last, for the same reason. */
  stored(customer: string, bytes: number): void
}

/** Runs a change and writes its events in one transaction. Afterwards it wakes those who wait for the change. */
export async function transact<T>(store: Store, change: (tx: Tx) => Promise<T>, quota: number | null = null): Promise<T> {
  const topics = new Set<string>()
  const result = await store.write(async db => {
    const events: NewEvent[] = []
    const storage = new Map<string, number>()
    const at = new Date().toISOString()
    const tx: Tx = {
      db,
      differs: store.differs,
      at,
      quota,
      happened: (run, type, data, origin) => void events.push({ run, type, data, at, origin }),
      concerns: topic => void topics.add(topic),
      stored: (customer, bytes) => void storage.set(customer, (storage.get(customer) ?? 0) + bytes),
    }
    const made = await change(tx)
    if (events.length > 0) await writeEvents(db, store.differs, events)
    for (const [customer, bytes] of storage) if (bytes !== 0) await store.differs.countStorage(db, customer, bytes)
    if (topics.size > 0) store.tell(db, [...topics])
    return made
  })
  if (topics.size > 0) store.told([...topics])
  return result
}
