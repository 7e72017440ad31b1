import type { Kysely, Selectable } from 'kysely'
import { RunnerError } from '../core/errors.ts'
import type { Holding, Report } from '../core/ports.ts'
import type { AgentIdentity } from '../core/task.ts'
import { touchAgent } from './agents.ts'
import { isOffered, isRestingStatus, isUnblocked, offerFor } from './rules.ts'
import type { HistoryKind, Schema } from './schema.ts'
import { type BoardTask, readTasks, withNote, writeHistory } from './task-rows.ts'

/** How a run lets go of its task: with a status and a note, back where it came from, or out of circulation. */
interface Conclusion extends Omit<Report, 'status'> {
  kind: EndKind
  /** Only for `reported`. */
  status?: string
}

const END_KINDS = ['reported', 'given_back', 'parked'] as const satisfies HistoryKind[]
type EndKind = (typeof END_KINDS)[number]

/** The first task of the queue that this agent could take in this project: highest priority first, then the oldest. Takes nothing. */
export async function look(db: Kysely<Schema>, project: string, agent: AgentIdentity): Promise<BoardTask | null> {
  const [task] = await readTasks(db, tasks => firstInQueue(tasks, project, agent))
  return task ?? null
}

type TaskQuery = Parameters<Parameters<typeof readTasks>[1]>[0]

/** The query of a look, apart so that its plan can be shown. */
export function firstInQueue(tasks: TaskQuery, project: string, agent: AgentIdentity): TaskQuery {
  return tasks
    .where('tasks.project', '=', project)
    .where(eb => isOffered(eb, offerFor(agent)))
    .where(isUnblocked)
    .orderBy('tasks.priority', 'desc')
    .orderBy('tasks.seq')
    .limit(1)
}

/** Takes the task by one statement that finds it free or finds nothing, so that of any number of claims one wins. */
export async function claim(db: Kysely<Schema>, agent: AgentIdentity, taskId: string, runId: string): Promise<'ours' | 'taken'> {
  const at = new Date().toISOString()
  const won = await db
    .updateTable('tasks')
    .set(eb => ({
      status: 'under_work',
      locked_by: agent.id,
      locked_at: at,
      run_id: runId,
      claimed_from: eb.ref('status'),
      epoch: eb('epoch', '+', 1),
      updated_at: at,
    }))
    .where('tasks.id', '=', taskId)
    .where(eb => isOffered(eb, offerFor(agent)))
    .where(isUnblocked)
    .returning(['claimed_from', 'epoch'])
    .executeTakeFirst()
  await touchAgent(db, agent, at)
  if (!won) return claimAgain(db, agent, taskId, runId, at)
  await writeHistory(db, claimLine(agent, taskId, runId, at, won.claimed_from, won.epoch))
  return 'ours'
}

/** What this agent holds already stays its own. A new run of it takes over from the old one, whose words count no more. */
async function claimAgain(db: Kysely<Schema>, agent: AgentIdentity, taskId: string, runId: string, at: string): Promise<'ours' | 'taken'> {
  const held = await db.selectFrom('tasks').select('run_id').where('id', '=', taskId).where('locked_by', '=', agent.id).executeTakeFirst()
  if (!held) return 'taken'
  if (held.run_id === runId) return 'ours'
  const taken = await db
    .updateTable('tasks')
    .set(eb => ({ run_id: runId, epoch: eb('epoch', '+', 1), updated_at: at }))
    .where('id', '=', taskId)
    .where('locked_by', '=', agent.id)
    .returning('epoch')
    .executeTakeFirst()
  if (!taken) return 'taken'
  await writeHistory(db, claimLine(agent, taskId, runId, at, 'under_work', taken.epoch))
  return 'ours'
}

type Status = Selectable<Schema['tasks']>['status']

function claimLine(agent: AgentIdentity, taskId: string, runId: string, at: string, from: Status | null, epoch: number) {
  const what = { task_id: taskId, kind: 'claimed', run_id: runId, epoch, note: null } as const
  return { ...what, at, who: agent.id, from_status: from, to_status: 'under_work' } as const
}

/** How the task stands with regard to this agent. What this agent could not be given any more is `finished` for it. */
export async function holding(db: Kysely<Schema>, agent: AgentIdentity, taskId: string): Promise<Holding> {
  const task = await db
    .selectFrom('tasks')
    .select('locked_by')
    .select(eb => isOffered(eb, offerFor(agent)).as('offered'))
    .where('id', '=', taskId)
    .executeTakeFirst()
  if (!task) return 'gone'
  if (task.locked_by !== null) return task.locked_by === agent.id ? 'ours' : 'someone_else'
  return task.offered ? 'free' : 'finished'
}

/**
 * Ends a run at the board: status, lock, note and history in one. The same run's end that is there already changes nothing. `lost` when
 * the agent does not hold the task, or holds it by a later claim than this run's. Throws TRACKER_REFUSED for a status that no task can end in.
 */
export async function conclude(
  db: Kysely<Schema>,
  agent: AgentIdentity,
  taskId: string,
  { kind, status, note, runId }: Conclusion,
): Promise<'reported' | 'lost'> {
  const said = await runLines(db, taskId, runId)
  if (said.some(line => (END_KINDS as readonly HistoryKind[]).includes(line.kind))) return 'reported'
  const task = await db
    .selectFrom('tasks')
    .select(['notes', 'claimed_from', 'run_id', 'epoch'])
    .where('id', '=', taskId)
    .where('locked_by', '=', agent.id)
    .executeTakeFirst()
  // A run that the board never saw is the same agent's, adopted from an older runner; one that it saw and that was followed is history.
  if (!task || (task.run_id !== runId && said.length > 0)) return 'lost'
  const to = kind === 'parked' ? 'pending' : kind === 'given_back' ? (task.claimed_from ?? 'created') : (status ?? '')
  if (!isRestingStatus(to)) throw new RunnerError('TRACKER_REFUSED', `a task cannot end in the status ${JSON.stringify(to)}`)
  const at = new Date().toISOString()
  const released = await db
    .updateTable('tasks')
    .set({ status: to, locked_by: null, locked_at: null, notes: withNote(task.notes, agent.id, note), updated_at: at })
    .where('id', '=', taskId)
    .where('locked_by', '=', agent.id)
    .where('epoch', '=', task.epoch)
    .executeTakeFirst()
  if (released.numUpdatedRows === 0n) return 'lost'
  const line = { task_id: taskId, kind, note, run_id: runId, epoch: task.epoch } as const
  await writeHistory(db, { ...line, at, who: agent.id, from_status: 'under_work', to_status: to })
  await touchAgent(db, agent, at)
  return 'reported'
}

function runLines(db: Kysely<Schema>, taskId: string, runId: string) {
  return db.selectFrom('task_history').select('kind').where('task_id', '=', taskId).where('run_id', '=', runId).execute()
}
