import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely'
import { RunnerError } from '../../core/errors.ts'
import { type AgentIdentity, LEVELS, type Level, TASK_STATUSES, type TaskStatus } from '../../core/task.ts'
import type { Schema } from '../store/schema.ts'

/** What an agent may be given: tasks in a status, of one role and some levels, or of any. */
interface Offer {
  status: TaskStatus
  role: string | null
  levels: readonly Level[] | null
}

/** The status in which a task ends that was done, when its runner does not say which. */
export const doneStatus = ({ claimed_from }: { claimed_from: string | null }): TaskStatus =>
  claimed_from === 'dev_done' ? 'qa_done' : 'dev_done'

/**
 * The rule of the queue: QA checks everything that developers report as done; all others take new tasks of their role, at or below their
 * level.
 */
export function offerFor(agent: Pick<AgentIdentity, 'role' | 'level'>): Offer {
  if (agent.role === 'qa') return { status: 'dev_done', role: null, levels: null }
  return { status: 'created', role: agent.role, levels: LEVELS.slice(0, LEVELS.indexOf(agent.level) + 1) }
}

/** The status in which a task waits for its first agent. Work for QA alone has no developer before it. */
export const firstStatus = (role: string): TaskStatus => (role === 'qa' ? 'dev_done' : 'created')

/** Whether a task in this status waits for its first agent, so that a run of it is QUEUED. */
export const isWaiting = (task: { role: string; status: string }) => task.status === firstStatus(task.role)

/** Whether a word is a status that a task can be moved to. `under_work` is not: only a claim leads there. */
export function isRestingStatus(word: string): word is TaskStatus {
  return word !== 'under_work' && (TASK_STATUSES as readonly string[]).includes(word)
}

/** The status that a task can be moved to by this word. Throws USAGE. */
export function restingStatusNamed(word: string): TaskStatus {
  if (!isRestingStatus(word)) throw new RunnerError('USAGE', `a task cannot be moved to the status ${JSON.stringify(word)}`)
  return word
}

/** From these on, a task that others depend on no longer stands in their way. */
const FINISHED: readonly TaskStatus[] = ['dev_done', 'qa_done', 'documentation_done', 'committed']

/** Nobody will work on it any more, unless a person says so. */
export const CLOSED: readonly TaskStatus[] = ['qa_done', 'documentation_done', 'committed']

type Tasks = ExpressionBuilder<Schema, 'tasks'>

/** As SQL: the task is in what is offered, and not on hold. */
export function isOffered(eb: Tasks, offer: Offer): ExpressionWrapper<Schema, 'tasks', SqlBool> {
  return eb.and([
    eb('tasks.status', '=', offer.status),
    eb('tasks.locked_by', 'is', null),
    eb('tasks.on_hold', '=', 0),
    ...(offer.role === null ? [] : [eb('tasks.role', '=', offer.role)]),
    ...(offer.levels === null ? [] : [eb('tasks.seniority', 'in', offer.levels)]),
  ])
}

/** As SQL: the task asks for no label but these. */
export function isLabelled(eb: Tasks, labels: readonly string[]) {
  const asked = eb.selectFrom('task_labels').select(sql.lit(1).as('one')).whereRef('task_labels.task_id', '=', 'tasks.id')
  return eb.not(eb.exists(labels.length === 0 ? asked : asked.where('task_labels.label', 'not in', labels)))
}

/** As SQL: the task waits for no other one. */
export function isUnblocked(eb: Tasks) {
  return eb.not(
    eb.exists(
      eb
        .selectFrom('task_dependencies')
        .innerJoin('tasks as needed', 'needed.id', 'task_dependencies.depends_on')
        .select(sql.lit(1).as('one'))
        .whereRef('task_dependencies.task_id', '=', 'tasks.id')
        .where(isUnfinished),
    ),
  )
}

/**
 * As SQL: a needed task is not finished. `dev_done` is enough, so that a chain of tasks does not wait for QA at each link, and it stays
 * enough while QA looks at it. Work for QA alone is finished when QA is through with it.
 */
export function isUnfinished(eb: ExpressionBuilder<Schema & { needed: Schema['tasks'] }, 'needed'>) {
  const standing = eb
    .case()
    .when('needed.status', '=', 'under_work')
    .then(eb.ref('needed.claimed_from'))
    .else(eb.ref('needed.status'))
    .end()
  return eb.or([eb(standing, 'not in', FINISHED), eb.and([eb('needed.role', '=', 'qa'), eb('needed.status', 'not in', CLOSED)])])
}

/** As SQL: the project of this row of a table is not being deleted. */
export const isOfLiving = (table: 'runs' | 'tasks') =>
  sql<SqlBool>`${sql.ref(`${table}.project_id`)} not in (select projects.id from projects where projects.removed_at is not null)`
