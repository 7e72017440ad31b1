import type { Kysely } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import { LIMITS, limitWords } from '../../core/limits.ts'
import { needRoom } from '../projects/storage.ts'
import { ofHolder } from '../queue/leases.ts'
import type { Differences } from '../store/differences.ts'
import type { Schema } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'
import type { Holder } from './endings.ts'
import { heldRunNamed, runRow } from './run-rows.ts'

/** A text that belongs to a run, such as its diff or its result. `size` in bytes of UTF-8. */
export interface Artifact {
  name: string
  contentType: string
  size: number
  createdAt: string
}

/** Keeps a text of a run; it replaces one of the same name. Throws LEASE_LOST, STORAGE_FULL, USAGE beyond the limits `artifact` and `artifacts`. */
export async function putArtifact(
  tx: Tx,
  customer: string | null,
  holder: Holder,
  { name, contentType, body }: { name: string; contentType: string; body: string },
): Promise<void> {
  const run = ofHolder(await heldRunNamed(tx, holder.runId), customer, holder)
  const size = Buffer.byteLength(body)
  if (size > LIMITS.artifact.most) throw new RunnerError('USAGE', `${name} is larger than ${limitWords('artifact')}`)
  await needRoom(tx, run.customer)
  const there = await tx.db.selectFrom('run_artifacts').select(['name', 'size']).where('run', '=', run.seq).execute()
  const before = there.find(one => one.name === name)
  if (!before && there.length >= LIMITS.artifacts.most) throw new RunnerError('USAGE', `the run has ${limitWords('artifacts')} already`)
  const row = { content_type: contentType, size, body, created_at: tx.at }
  await tx.db
    .insertInto('run_artifacts')
    .values({ run: run.seq, name, ...row })
    .onConflict(conflict => conflict.columns(['run', 'name']).doUpdateSet(row))
    .execute()
  tx.stored(run.customer, size - (before?.size ?? 0))
  tx.happened(run.seq, 'LOG', { message: `${name} was kept`, artifact: name, size })
}

/** The texts of a run by name. Throws NOT_FOUND. */
export async function listArtifacts(db: Kysely<Schema>, customer: string | null, runId: string): Promise<Artifact[]> {
  const { seq } = await runRow(db, customer, runId)
  const rows = await db
    .selectFrom('run_artifacts')
    .select(['name', 'content_type', 'size', 'created_at'])
    .where('run', '=', seq)
    .orderBy('name')
    .execute()
  return rows.map(({ name, content_type, size, created_at }) => ({ name, contentType: content_type, size, createdAt: created_at }))
}

/** One text of a run, as UTF-8; null when there is none of this name. Throws NOT_FOUND for the run. */
export async function getArtifact(
  db: Kysely<Schema>,
  differs: Differences,
  customer: string | null,
  runId: string,
  name: string,
): Promise<(Artifact & { body: Buffer }) | null> {
  const { seq } = await runRow(db, customer, runId)
  const query = db.selectFrom('run_artifacts').select(['content_type', 'size', 'created_at', differs.bytes('body').as('body')])
  const row = await query.where('run', '=', seq).where('name', '=', name).executeTakeFirst()
  return row ? { name, contentType: row.content_type, size: row.size, createdAt: row.created_at, body: Buffer.from(row.body) } : null
}
