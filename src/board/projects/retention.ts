import { setTimeout as delay } from 'node:timers/promises'
import type { SelectQueryBuilder } from 'kysely'
import type { RunRow, Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { type Tx, transact } from '../store/transaction.ts'
import { bytesOfArtifacts, bytesOfEvents } from './storage.ts'

/** How long timelines of runs that are over are kept, in days from their end; left out or null: for ever. */
export interface Ages {
  /** The whole timeline, with the run's artifacts. The run itself stays. */
  eventDays?: number | null
  /** Only the details of the work: log lines, thoughts, single tools. */
  logDays?: number | null
}

const DAY_MS = 86_400_000
/** Runs that are looked at together. */
const RUNS = 50
/** Rows that are deleted in one transaction, and the rest after it in milliseconds: others wait for a bite, and have most of the time. */
export const BITE = 100
const REST_MS = 10
/** Events that tell details of the work and not the result of the run. */
const LOG_TYPES = ['LOG', 'AGENT_THINKING', 'EXECUTING', 'TOOL_USED', 'STEP_COMPLETED', 'PLAN_GENERATED']
/** An `Idempotency-Key` is remembered for a day. */
const KEY_DAYS = 1

const NOTHING_GONE = 0
const LOG_GONE = 1
const ALL_GONE = 2

/** What one transaction of a pass did, and whether there is more of the kind. */
export interface Bitten {
  events: number
  more: boolean
}

/**
 * Deletes older data in small transactions, and returns how many events that were. Doing it twice, or by several servers at once, is no
 * harm. The signal ends it after the transaction under way; the next pass does the rest.
 */
export async function retain(store: Store, { eventDays, logDays }: Ages, signal?: AbortSignal): Promise<number> {
  const now = Date.now()
  const before = (days: number) => new Date(now - days * DAY_MS).toISOString()
  let gone = 0
  for (const [days, from, to] of [
    [eventDays, [NOTHING_GONE, LOG_GONE], ALL_GONE],
    [logDays, [NOTHING_GONE], LOG_GONE],
  ] as const)
    if (days !== null && days !== undefined) gone += await untilDone(store, tx => prune(tx, before(days), from, to), signal)
  await untilDone(store, tx => forgetKeys(tx, before(KEY_DAYS)), signal)
  return gone
}

/**
 * Runs one small transaction after the other, with a rest between them, until nothing is left or the signal fires; returns the number of
 * deleted events.
 */
export async function untilDone(store: Store, bite: (tx: Tx) => Promise<Bitten>, signal?: AbortSignal): Promise<number> {
  let events = 0
  for (let more = true; more && !signal?.aborted; ) {
    const done = await transact(store, bite)
    events += done.events
    more = done.more
    if (more) await delay(REST_MS, undefined, { signal }).catch(() => {})
  }
  return events
}

function prune(tx: Tx, before: string, from: readonly number[], to: number): Promise<Bitten> {
  const query = tx.db
    .selectFrom('runs')
    .select('seq')
    .where('pruned', 'in', from)
    .where('finished_at', '<', before)
    .orderBy('pruned')
    .orderBy('finished_at')
    .limit(RUNS)
  return bite(tx, query, to)
}

async function bite(tx: Tx, query: SelectQueryBuilder<Schema, 'runs', Pick<RunRow, 'seq'>>, to: number): Promise<Bitten> {
  const runs = (await tx.differs.skippingHeld(query, 'runs').execute()).map((run: Pick<RunRow, 'seq'>) => run.seq)
  if (runs.length === 0) return { events: 0, more: false }
  const events = await dropEvents(tx, runs, to === LOG_GONE ? LOG_TYPES : undefined)
  if (events === BITE) return { events, more: true }
  if (to === ALL_GONE) {
    givenBack(tx, await bytesOfArtifacts(tx.db, runs))
    await tx.db.deleteFrom('run_artifacts').where('run', 'in', runs).execute()
  }
  await tx.db.updateTable('runs').set({ pruned: to }).where('seq', 'in', runs).execute()
  return { events, more: true }
}

/** Deletes events of these runs, a bite at most, and returns how many; less than a bite means that they were the last. */
export async function dropEvents(tx: Tx, runs: readonly number[], types?: readonly string[]): Promise<number> {
  let old = tx.db.selectFrom('run_events').select('cursor').where('run', 'in', runs)
  if (types) old = old.where('type', 'in', types)
  const events = (await old.limit(BITE).execute()).map(event => event.cursor)
  if (events.length === 0) return 0
  givenBack(tx, await bytesOfEvents(tx.db, events))
  await tx.db.insertInto('retention_pass').values({ id: 1 }).execute()
  await tx.db.deleteFrom('run_events').where('cursor', 'in', events).execute()
  await tx.db.deleteFrom('retention_pass').execute()
  return events.length
}

function givenBack(tx: Tx, counted: readonly { customer: string; bytes: number }[]): void {
  for (const { customer, bytes } of counted) tx.stored(customer, -Number(bytes))
}

async function forgetKeys(tx: Tx, before: string): Promise<Bitten> {
  const old = tx.db.selectFrom('idempotency').select('key').where('created_at', '<', before).limit(BITE)
  // Another customer's of the same name goes too when it is old, and stays when it is not.
  const { numDeletedRows } = await tx.db
    .deleteFrom('idempotency')
    .where('created_at', '<', before)
    .where('key', 'in', old)
    .executeTakeFirstOrThrow()
  return { events: 0, more: Number(numDeletedRows) >= BITE }
}
