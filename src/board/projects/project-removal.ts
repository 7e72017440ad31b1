import { UNFINISHED } from '../../contract/run-states.ts'
import { RunnerError } from '../../core/errors.ts'
import type { Store } from '../store/store.ts'
import { bytesOf } from '../store/stored-bytes.ts'
import { type Tx, transact } from '../store/transaction.ts'
import { projectOf } from './projects.ts'
import { BITE, type Bitten, dropEvents, untilDone } from './retention.ts'
import { bytesOfTasks } from './storage.ts'

/** Tasks that are deleted in one transaction, with all that belongs to them. */
const TASKS = 200

/**
 * Deletes a project with its tasks, runs and their timelines. It is marked first, and from then on gone for everybody, its name free; then it
 * is deleted in small transactions. When the signal or a kill ends that, `finishRemovals` does the rest. Throws NOT_FOUND, or EXISTS while a run
 * of it is not over.
 */
export async function removeProject(store: Store, customer: string | null, id: string, signal?: AbortSignal): Promise<void> {
  await transact(store, tx => markRemoved(tx, customer, id))
  await untilDone(store, tx => removeSome(tx, id), signal)
}

/** Goes on with the projects whose deletion was cut short, or is under way elsewhere. */
export async function finishRemovals(store: Store, signal?: AbortSignal): Promise<void> {
  const marked = await store.read(db => db.selectFrom('projects').select('id').where('removed_at', 'is not', null).execute())
  for (const { id } of marked) await untilDone(store, tx => removeSome(tx, id), signal)
}

async function markRemoved(tx: Tx, customer: string | null, id: string): Promise<void> {
  const project = await projectOf(tx.db, customer, id)
  // Wait for callers that are just adding a run to it.
  await tx.differs.held(tx.db.selectFrom('projects').select('id').where('id', '=', id)).execute()
  const busy = await tx.db
    .selectFrom('runs')
    .select('id')
    .where('project_id', '=', id)
    .where('status', 'in', UNFINISHED)
    .limit(1)
    .executeTakeFirst()
  if (busy)
    throw new RunnerError('EXISTS', `the project ${JSON.stringify(project.name)} has runs that are not over, such as ${busy.id}`, {
      advice: 'Stop them first.',
    })
  // Tasks that wait for a check are handed to nobody any more, and another project may take the name.
  const gone = { removed_at: tx.at, max_running: 0, name: id, local_path: '' }
  await tx.db.updateTable('projects').set(gone).where('id', '=', id).execute()
}

/** The newest tasks of it, since tasks depend on older ones; their events before them. One server at a time. */
async function removeSome(tx: Tx, id: string): Promise<Bitten> {
  const marked = tx.db.selectFrom('projects').select(['customer', 'description']).where('id', '=', id).where('removed_at', 'is not', null)
  const project = await tx.differs.held(marked).executeTakeFirst()
  if (!project) return { events: 0, more: false }
  const newest = tx.db.selectFrom('tasks').select('id').where('project_id', '=', id).orderBy('seq', 'desc').limit(TASKS)
  const tasks = (await newest.execute()).map(task => task.id)
  if (tasks.length === 0) {
    await tx.db.deleteFrom('projects').where('id', '=', id).execute()
    tx.stored(project.customer, -bytesOf(project.description))
    return { events: 0, more: false }
  }
  const runs = await tx.db.selectFrom('runs').select('seq').where('task_id', 'in', tasks).execute()
  const events = await dropEvents(
    tx,
    runs.map(run => run.seq),
  )
  if (events < BITE) {
    tx.stored(project.customer, -(await bytesOfTasks(tx.db, tasks)))
    await tx.db.deleteFrom('task_dependencies').where('depends_on', 'in', tasks).execute()
    await tx.db.deleteFrom('tasks').where('id', 'in', tasks).execute()
  }
  return { events, more: true }
}
