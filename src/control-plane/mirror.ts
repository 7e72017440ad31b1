import type { StampedEvent } from '../core/event.ts'
import type { Holder } from './endings.ts'
import { meaningOf } from './event-map.ts'
import { lastTold, toldAmong } from './event-rows.ts'
import { ofHolder } from './leases.ts'
import { heldRunNamed, transition } from './run-rows.ts'
import { TRANSITIONS } from './run-states.ts'
import type { RunRow } from './schema.ts'
import type { Tx } from './transaction.ts'
import { markDelivered } from './wish-rows.ts'

/** A line of a worker that numbers nothing. */
export interface LogLine {
  message: string
}

/**
 * Adds what a runner tells of its run, in its order, with all that follows from it. Those whose numbers are there already are passed over, so a
 * resend is harmless, and no number keeps later ones out. Also accepted after the run's end, as long as nobody else has taken it. Throws LEASE_LOST.
 */
export async function publish(
  tx: Tx,
  customer: string | null,
  holder: Holder,
  events: readonly StampedEvent[],
  lines: readonly LogLine[] = [],
): Promise<{ ackedSeq: number }> {
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
  let known: Partial<RunRow> = {}
  for (const event of inOrder) {
    if (there.has(event.seq)) continue
    there.add(event.seq)
    const origin = { source: holder.agentId, seq: event.seq, at: event.at }
    const { type, tells, becomes, delivers, deliversNamed } = meaningOf(event)
    const facts = tells?.(event, run) ?? {}
    known = { ...known, ...facts }
    run = { ...run, ...facts }
    // News that came too late to change anything is a line of the timeline all the same.
    if (becomes && run.worker_id !== null && TRANSITIONS[run.status].includes(becomes))
      run = { ...(await transition(tx, run, becomes, { type, data: { ...event }, origin })), ...known }
    else tx.happened(run.seq, type, { ...event }, origin)
    if (delivers) await markDelivered(tx, run.seq, { kinds: delivers })
    if (deliversNamed) await told(tx, run, deliversNamed(event))
  }
  let acked = Math.max(last, inOrder.at(-1)?.seq ?? 0)
  for (const line of lines) {
    acked++
    tx.happened(run.seq, 'LOG', { ...line }, { source: holder.agentId, seq: acked, at: tx.at })
  }
  if (Object.keys(known).length > 0) await tx.db.updateTable('runs').set(known).where('seq', '=', run.seq).execute()
  return { ackedSeq: acked }
}

/** The agent was started with these directives. */
async function told(tx: Tx, run: RunRow, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  for (const { id, text } of await markDelivered(tx, run.seq, { ids }))
    tx.happened(run.seq, 'DIRECTIVE', { state: 'delivered', wish: id, text })
}
