import { type Kysely, sql } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import { newProjectId } from '../../core/ids.ts'
import { workOf } from '../queue/waiting-room.ts'
import { PAGE, type Page, type PageWish, readPage, weightOf } from '../store/paging.ts'
import type { ProjectRow, Schema } from '../store/schema.ts'
import { bytesOf } from '../store/stored-bytes.ts'
import type { Tx } from '../store/transaction.ts'
import { needRoom } from './storage.ts'

/** A repository that tasks belong to. */
export interface Project {
  id: string
  name: string
  localPath: string
  description: string
  customer: string
  maxRunning: number | null
  createdAt: string
  updatedAt: string
}

/** A project as a person writes it down. */
export interface ProjectDraft {
  name: string
  localPath: string
  description?: string
  maxRunning?: number | null
  customer?: string
}

const toProject = (row: ProjectRow): Project => ({
  id: row.id,
  name: row.name,
  localPath: row.local_path,
  description: row.description,
  customer: row.customer,
  maxRunning: row.max_running,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

/** Makes a project. Throws STORAGE_FULL, EXISTS when the customer has one of this name. */
export async function createProject(tx: Tx, customer: string, draft: ProjectDraft): Promise<Project> {
  await needRoom(tx, customer)
  const made = await insertProject(tx, customer, draft)
  if (!made) throw taken(draft.name)
  tx.stored(customer, bytesOf(made.description))
  return toProject(made)
}

const taken = (name: string) => new RunnerError('EXISTS', `there is a project named ${JSON.stringify(name)} already`)

function insertProject(tx: Tx, customer: string, { name, localPath, description = '', maxRunning = null }: ProjectDraft) {
  const row = { id: newProjectId(), name, local_path: localPath, description, customer, max_running: maxRunning }
  return tx.db
    .insertInto('projects')
    .values({ ...row, created_at: tx.at, updated_at: tx.at })
    .onConflict(conflict => conflict.columns(['customer', 'name']).doNothing())
    .returningAll()
    .executeTakeFirst()
}

/** The project of a repository, the oldest when there are several; null when there is none. */
export async function findProjectAt(db: Kysely<Schema>, customer: string, localPath: string): Promise<Project | null> {
  const found = await db
    .selectFrom('projects')
    .selectAll()
    .where('customer', '=', customer)
    .where('local_path', '=', localPath)
    .where('removed_at', 'is', null)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
  return found ? toProject(found) : null
}

/** The project of a repository; it is made, and named after the last part of its path, when there is none. */
export async function projectAt(tx: Tx, customer: string, localPath: string): Promise<Project> {
  const base = localPath.split('/').findLast(Boolean) ?? 'default'
  for (let n = 1; ; n++) {
    const found = await findProjectAt(tx.db, customer, localPath)
    if (found) return found
    const made = await insertProject(tx, customer, { name: n === 1 ? base : `${base}-${n}`, localPath })
    if (made) return toProject(made)
  }
}

/** One project. Throws NOT_FOUND, also when it is another customer's; null for all customers. */
export async function projectOf(db: Kysely<Schema>, customer: string | null, id: string): Promise<Project> {
  const row = await db.selectFrom('projects').selectAll().where('id', '=', id).where('removed_at', 'is', null).executeTakeFirst()
  if (!row || (customer !== null && row.customer !== customer))
    throw new RunnerError('NOT_FOUND', `there is no project ${JSON.stringify(id)}`)
  return toProject(row)
}

/**
 * The named project or, without a name, the only one, or of several the one named `default`. Throws NOT_FOUND; USAGE when no project is
 * meant.
 */
export async function projectFor(db: Kysely<Schema>, customer: string | null, id?: string): Promise<Project> {
  if (id !== undefined) return projectOf(db, customer, id)
  const { items } = await listProjects(db, customer, { limit: 2 })
  if (items.length === 1) return items[0]!
  const [named] = (await listProjects(db, customer, { limit: 1, name: 'default' })).items
  if (named) return named
  const why =
    items.length === 0 ? 'there is no project yet; POST /projects makes one' : 'there are several projects, none of them named `default`'
  throw new RunnerError('USAGE', `project_id: is missing, and ${why}`)
}

/** Projects, newest first. */
export async function listProjects(
  db: Kysely<Schema>,
  customer: string | null,
  wish: PageWish & { name?: string; localPath?: string },
): Promise<Page<Project>> {
  const { limit = PAGE, before = null, name, localPath } = wish
  let query = db.selectFrom('projects').where('removed_at', 'is', null)
  if (customer !== null) query = query.where('customer', '=', customer)
  if (name !== undefined) query = query.where('name', '=', name)
  if (localPath !== undefined) query = query.where('local_path', '=', localPath)
  if (before !== null) query = query.where('seq', '<', before)
  const weight = weightOf(['name', 'local_path', 'description'])
  return readPage(query, { limit, weight, show: toProject }, (from, count) =>
    query.selectAll().where('seq', '>=', from).orderBy('seq', 'desc').limit(count),
  )
}

/** Changes what is given. Throws NOT_FOUND, EXISTS, STORAGE_FULL for a longer description. */
export async function changeProject(tx: Tx, customer: string | null, id: string, change: Partial<ProjectDraft>): Promise<Project> {
  const { customer: owner, description: was } = await projectOf(tx.db, customer, id)
  const { name, localPath, description = was, maxRunning } = change
  const more = bytesOf(description) - bytesOf(was)
  if (more > 0) await needRoom(tx, owner)
  tx.stored(owner, more)
  if (name !== undefined) {
    const other = await tx.db.selectFrom('projects').select('id').where('customer', '=', owner).where('name', '=', name).executeTakeFirst()
    if (other && other.id !== id) throw taken(name)
  }
  const row = { name, local_path: localPath, description, max_running: maxRunning }
  await tx.db
    .updateTable('projects')
    .set({ ...Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)), updated_at: tx.at })
    .where('id', '=', id)
    .execute()
  tx.concerns(workOf(owner))
  return projectOf(tx.db, customer, id)
}

/** Those of these projects, or of all of a customer, that have as many runs under work as they may. On PostgreSQL the answer is true until the transaction ends only for a project that is held. */
export async function fullProjects(db: Kysely<Schema>, where: { projectId: string } | { customer: string }): Promise<string[]> {
  let query = db
    .selectFrom('projects')
    .select('id')
    .where('max_running', 'is not', null)
    .where(
      'max_running',
      '<=',
      sql<number>`(select count(*) from tasks where tasks.project_id = projects.id and tasks.status = 'under_work')`,
    )
  query = 'projectId' in where ? query.where('id', '=', where.projectId) : query.where('customer', '=', where.customer)
  return (await query.execute()).map(row => row.id)
}
