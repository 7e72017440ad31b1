import type { Generated, Selectable } from 'kysely'
import type { Complexity, Level, TaskStatus } from '../core/task.ts'

/** What a line of a task's history tells. The ends of a run are `reported`, `given_back` and `parked`. */
export type HistoryKind = 'added' | 'claimed' | 'reported' | 'given_back' | 'parked' | 'moved' | 'note'

/** The tables as Kysely sees them. Times are ISO 8601 UTC; lists are JSON text. */
export interface Schema {
  tasks: TasksTable
  task_dependencies: { task_id: string; depends_on: string }
  task_history: HistoryTable
  agents: { id: string; role: string; level: Level; registered_at: string; last_seen: string }
  mentions: MentionsTable
}

interface TasksTable {
  /** Order of arrival: what was added first is done first. */
  seq: Generated<number>
  id: string
  /** The repository that the task belongs to. */
  project: string
  title: string
  description: string
  criteria: string
  role: string
  seniority: Level
  complexity: Complexity
  branch: string | null
  priority: number
  max_cost_usd: number | null
  model: string | null
  status: TaskStatus
  notes: string
  /** Set exactly while the status is `under_work`; the database holds us to it. */
  locked_by: string | null
  locked_at: string | null
  /** The run of the latest claim. */
  run_id: string | null
  /** The status in which the latest claim found the task; giving it back restores this one. */
  claimed_from: TaskStatus | null
  /** Grows with each claim, so that an older holder can be told from the present one. */
  epoch: Generated<number>
  created_at: string
  updated_at: string
}

interface HistoryTable {
  seq: Generated<number>
  task_id: string
  at: string
  kind: HistoryKind
  who: string
  from_status: TaskStatus | null
  to_status: TaskStatus | null
  note: string | null
  run_id: string | null
  epoch: number
}

interface MentionsTable {
  seq: Generated<number>
  agent_id: string
  task_id: string | null
  sender: string
  text: string
  at: string
  read_at: string | null
}

export type TaskRow = Selectable<TasksTable>
export type HistoryRow = Selectable<HistoryTable>
