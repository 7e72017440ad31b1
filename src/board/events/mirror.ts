import { TRANSITIONS } from '../../contract/run-states.ts'
import type { StampedEvent } from '../../core/event.ts'
import { isStorageFull } from '../projects/storage.ts'
import { ofHolder } from '../queue/leases.ts'
import type { Holder } from '../runs/endings.ts'
import { heldRunNamed, transition } from '../runs/run-rows.ts'
import { markDelivered } from '../runs/wish-rows.ts'
import type { RunRow } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'
import { isNews, meaningOf } from './event-map.ts'
import { lastTold, toldAmong } from './event-rows.ts'

/** A line of a worker that numbers nothing. */
export interface LogLine {
  message: string
}

/**
 * Adds what a runner tells of its run, in its order, with all that follows from it. Events whose numbers are there already are skipped,
 * so a resend is harmless, and no number keeps later ones out. Also accepted after the run's end, as long as nobody else has taken it. If
 * the customer may store nothing more, only events that change the run's state are kept, without their texts, and the timeline says so.
 * Throws LEASE_LOST.
 */
export async function publish(
  tx: Tx,
  customer: string | null,
  holder: Holder,
  events: readonly StampedEvent[],
  lines: readonly LogLine[] = [],
): Promise<{ ackedSeq: number; leftOut?: number }> {
  // The second is asked once the run is held, and waits for no answer to the first.
  const [held, last] = await Promise.all([heldRunNamed(tx, holder.runId), lastTold(tx.db, holder.runId, holder.agentId)])
  let run: RunRow = ofHolder(held, customer, holder)
  const inOrder = [...events].sort((a, b) => a.seq - b.seq)
  const first = inOrder[0]
  // Mostly all of them are new.
  const there =
    first && first.seq <= last
      ? await toldAmong(
          tx.db,
          run.seq,
          holder.agentId,
          inOrder.map(event => event.seq),
        )
      : new Set<number>()
  const full = await isStorageFull(tx, run.customer)
  let leftOut = 0
  let known: Partial<RunRow> = {}
  for (const event of inOrder) {
    if (there.has(event.seq)) continue
    there.add(event.seq)
    const origin = { source: holder.agentId, seq: event.seq, at: event.at }
    const meaning = meaningOf(event)
    if (full) leftOut++
    if (full && !isNews(event, meaning)) continue
    const { type, tells, becomes, delivers, deliversNamed } = meaning
    const data = full ? { type: event.type } : { ...event }
    const facts = tells?.(event, run) ?? {}
    known = { ...known, ...facts }
    run = { ...run, ...facts }
    // An event that came too late to change anything is still a line of the timeline.
    if (becomes && run.worker_id !== null && TRANSITIONS[run.status].includes(becomes))
      run = { ...(await transition(tx, run, becomes, { type, data, origin })), ...known }
    else tx.happened(run.seq, type, data, origin)
    if (delivers) await markDelivered(tx, run.seq, { kinds: delivers })
    if (deliversNamed) await told(tx, run, deliversNamed(event))
  }
  let acked = Math.max(last, inOrder.at(-1)?.seq ?? 0)
  for (const line of lines) {
    acked++
    if (full) leftOut++
    else tx.happened(run.seq, 'LOG', { ...line }, { source: holder.agentId, seq: acked, at: tx.at })
  }
  if (Object.keys(known).length > 0) await tx.db.updateTable('runs').set(known).where('seq', '=', run.seq).execute()
  if (leftOut === 0) return { ackedSeq: acked }
  await tellLeftOut(tx, run)
  return { ackedSeq: acked, leftOut }
}

const LEFT_OUT = 'the customer has stored as much as it may: what its runs tell is left out'

/** Say it once, not after each line. */
async function tellLeftOut(tx: Tx, { seq }: RunRow): Promise<void> {
  const query = tx.db.selectFrom('run_events').select('data').where('run', '=', seq).orderBy('cursor', 'desc').limit(1)
  const last = await query.executeTakeFirst()
  if (!last?.data.includes(LEFT_OUT)) tx.happened(seq, 'LOG', { message: LEFT_OUT })
}

/** The agent was started with these directives. */
async function told(tx: Tx, run: RunRow, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  for (const { id, text } of await markDelivered(tx, run.seq, { ids }))
    tx.happened(run.seq, 'DIRECTIVE', { state: 'delivered', wish: id, text })
}
