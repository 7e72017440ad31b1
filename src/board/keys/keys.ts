import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Kysely } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import { newKeyId } from '../../core/ids.ts'
import { PAGE, type Page, type PageWish, readPage, weightOf } from '../store/paging.ts'
import type { KeyKind, KeyRow, Schema } from '../store/schema.ts'
import type { Tx } from '../store/transaction.ts'

/** An API key as it is listed. What is secret of it is not kept. */
export interface Key {
  id: string
  /** Its beginning, by which its owner knows it again. */
  prefix: string
  kind: KeyKind
  /** Whose it is; null for an admin's key that sees all customers. */
  customer: string | null
  name: string
  createdAt: string
  lastUsedAt: string | null
  revokedAt: string | null
}

const SECRET_BYTES = 32
const PREFIX_BYTES = 6
/** The precision of a key's last use; a write for each request would cost more than it is worth. */
const USED_EVERY_MS = 60_000

const toKey = ({ id, prefix, kind, customer, name, created_at, last_used_at, revoked_at }: KeyRow): Key => ({
  ...{ id, prefix, kind, customer, name },
  createdAt: created_at,
  lastUsedAt: last_used_at,
  revokedAt: revoked_at,
})

/**
 * A salt and a slow hash protect passwords, which people choose and use again. 32 random bytes cannot be guessed and are like no other
 * key's, so a plain SHA-256 gives nothing away and can be asked at each request.
 */
const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')

/** Makes a key. Its text is answered here and never again. */
export async function createKey(tx: Tx, wish: { kind: KeyKind; customer: string | null; name: string }): Promise<Key & { key: string }> {
  if (wish.customer === null && wish.kind === 'worker')
    throw new RunnerError('USAGE', 'customer: a worker works for one customer', { advice: "Name it; '' where there are no customers." })
  const prefix = `ar_${randomBytes(PREFIX_BYTES).toString('hex')}`
  const key = `${prefix}_${randomBytes(SECRET_BYTES).toString('base64url')}`
  const row = await tx.db
    .insertInto('api_keys')
    .values({ id: newKeyId(), prefix, hash: hashOf(key), ...wish, created_at: tx.at })
    .returningAll()
    .executeTakeFirstOrThrow()
  return { ...toKey(row), key }
}

/** The key of this text; null when there is none, or it was revoked. How long it takes tells nothing of what is right in it but its public beginning. */
export async function findKey(db: Kysely<Schema>, text: string): Promise<Key | null> {
  const prefix = /^ar_[0-9a-f]{12}(?=_)/.exec(text)?.[0]
  const row = prefix && (await db.selectFrom('api_keys').selectAll().where('prefix', '=', prefix).executeTakeFirst())
  const right = timingSafeEqual(Buffer.from(row ? row.hash : hashOf(`not ${text}`)), Buffer.from(hashOf(text)))
  return row && right && row.revoked_at === null ? toKey(row) : null
}

/** Which of these keys were not revoked. */
export async function goodKeys(db: Kysely<Schema>, ids: readonly string[]): Promise<string[]> {
  const rows = await db.selectFrom('api_keys').select('id').where('id', 'in', ids).where('revoked_at', 'is', null).execute()
  return rows.map(row => row.id)
}

/** Whether it should be written down again that the key was used. */
export const isUseDue = ({ lastUsedAt }: Key, now = Date.now()) => lastUsedAt === null || now - Date.parse(lastUsedAt) > USED_EVERY_MS

/** Writes down that the key was used. */
export async function markUsed(tx: Tx, id: string): Promise<void> {
  await tx.db.updateTable('api_keys').set({ last_used_at: tx.at }).where('id', '=', id).execute()
}

/** Keys, newest first, revoked ones too; null for all customers. */
export async function listKeys(db: Kysely<Schema>, customer: string | null, wish: PageWish): Promise<Page<Key>> {
  const { limit = PAGE, before = null } = wish
  let query = db.selectFrom('api_keys')
  if (customer !== null) query = query.where('customer', '=', customer)
  if (before !== null) query = query.where('seq', '<', before)
  return readPage(query, { limit, weight: weightOf(['name', 'customer']), show: toKey }, (from, count) =>
    query.selectAll().where('seq', '>=', from).orderBy('seq', 'desc').limit(count),
  )
}

/** From here on the key opens nothing. Revoking twice is the same as revoking once. Throws NOT_FOUND; a prefix will do for the id. */
export async function revokeKey(tx: Tx, customer: string | null, id: string): Promise<Key> {
  const row = await tx.db
    .selectFrom('api_keys')
    .selectAll()
    .where(eb => eb.or([eb('id', '=', id), eb('prefix', '=', id)]))
    .executeTakeFirst()
  if (!row || (customer !== null && row.customer !== customer)) throw new RunnerError('NOT_FOUND', `there is no key ${JSON.stringify(id)}`)
  if (row.revoked_at !== null) return toKey(row)
  await tx.db.updateTable('api_keys').set({ revoked_at: tx.at }).where('id', '=', row.id).execute()
  return toKey({ ...row, revoked_at: tx.at })
}
