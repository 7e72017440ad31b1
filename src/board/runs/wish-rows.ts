import type { Kysely } from 'kysely'
import type { RunStatus } from '../../contract/run-states.ts'
import { RunnerError } from '../../core/errors.ts'
import { newWishId } from '../../core/ids.ts'
import { LIMITS, limitWords } from '../../core/limits.ts'
import type { Wish } from '../../core/run.ts'
import { wishesOf } from '../queue/waiting-room.ts'
import type { RunRow, Schema } from '../store/schema.ts'
import { bytesOf } from '../store/stored-bytes.ts'
import type { Tx } from '../store/transaction.ts'

/**
 * Keeps a wish for the holder of a run, with its event, and returns its id. Throws RUN_STATE for a directive when too many wait already.
 */
export async function addWish(tx: Tx, run: RunRow, by: string, { kind, text, mode }: Omit<Wish, 'id'>): Promise<string> {
  const id = newWishId()
  tx.concerns(wishesOf(run.id))
  const { waiting } = await tx.db
    .selectFrom('run_wishes')
    .select(eb => eb.fn.countAll<number>().as('waiting'))
    .where('run', '=', run.seq)
    .where('delivered_at', 'is', null)
    .executeTakeFirstOrThrow()
  if (kind === 'directive' && Number(waiting) >= LIMITS.wishes.most)
    throw new RunnerError('RUN_STATE', `${limitWords('wishes')} wait for the runner of ${run.id} already`)
  await tx.db.insertInto('run_wishes').values({ id, run: run.seq, kind, text, mode, asked_at: tx.at, asked_by: by }).execute()
  tx.stored(run.customer, bytesOf(text))
  if (kind === 'directive') tx.happened(run.seq, 'DIRECTIVE', { state: 'asked', wish: id, text, mode, by })
  else tx.happened(run.seq, 'LOG', { message: `${kind} was asked for by ${by}`, wish: id, ...(text && { reason: text }) })
  return id
}

/** The wishes for a run that were not delivered, oldest first. */
export async function openWishes(db: Kysely<Schema>, run: number, kinds?: readonly Wish['kind'][]): Promise<Wish[]> {
  let query = db.selectFrom('run_wishes').select(['id', 'kind', 'text', 'mode']).where('run', '=', run).where('delivered_at', 'is', null)
  if (kinds) query = query.where('kind', 'in', kinds)
  return query.orderBy('seq').execute()
}

/** How much of a directive is in the event of its end, in characters; the event of its beginning has all of it. */
const SHOWN = 4_000

/** Reports the wishes that the end of a run has left undone, so that nobody waits for them. */
export async function tellTooLate(tx: Tx, run: RunRow, status: RunStatus): Promise<void> {
  const open = await openWishes(tx.db, run.seq)
  const steer = open.findLast(({ kind }) => kind === 'pause' || kind === 'resume')
  for (const wish of open) {
    const { id, kind, text } = wish
    const message = `the ${kind} came too late: the run was ${status} before it could be done`
    if (kind === 'directive') tx.happened(run.seq, 'DIRECTIVE', { state: 'too_late', wish: id, text: text.slice(0, SHOWN), message })
    // A run that was stopped needs no pause any more, and one that ended no resume.
    else if (status !== 'STOPPED' && (kind === 'stop' || (kind === 'pause' && wish === steer)))
      tx.happened(run.seq, 'LOG', { message, wish: id })
  }
}

/**
 * Marks wishes delivered: those named, or all of some kinds. Those that are marked already stay as they are. Returns how many it marked.
 */
export async function markDelivered(
  tx: Tx,
  run: number,
  which: { ids: readonly string[] } | { kinds: readonly Wish['kind'][] },
): Promise<Wish[]> {
  let query = tx.db.updateTable('run_wishes').set({ delivered_at: tx.at }).where('run', '=', run).where('delivered_at', 'is', null)
  query = 'ids' in which ? query.where('id', 'in', which.ids) : query.where('kind', 'in', which.kinds)
  return query.returning(['id', 'kind', 'text', 'mode']).execute()
}
