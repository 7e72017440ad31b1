import type { Generated, Insertable, Selectable } from 'kysely'
import type { RunStatus } from '../../contract/run-states.ts'
import type { RunType } from '../../contract/run-types.ts'
import type { Wish } from '../../core/run.ts'
import type { Complexity, Level, TaskStatus } from '../../core/task.ts'

/** What a line of a task's history tells. The ends of a run are `reported`, `given_back`, `parked` and `stopped`. */
export type HistoryKind = 'added' | 'claimed' | 'reported' | 'given_back' | 'parked' | 'stopped' | 'lease_over' | 'moved' | 'note'

/** What a key may do: everything, a runner's part, or look. */
export const KEY_KINDS = ['admin', 'worker', 'read'] as const
export type KeyKind = (typeof KEY_KINDS)[number]

/** The tables as Kysely sees them. Times are ISO 8601 UTC unless said otherwise; lists and objects are JSON text. */
export interface Schema {
  projects: ProjectsTable
  tasks: TasksTable
  task_dependencies: { task_id: string; depends_on: string }
  task_labels: { task_id: string; label: string }
  task_history: HistoryTable
  runs: RunsTable
  run_events: EventsTable
  run_wishes: WishesTable
  run_artifacts: { run: number; name: string; content_type: string; size: number; body: string; created_at: string }
  /** A row in it lets this transaction delete events. It never outlives its transaction. */
  retention_pass: { id: number }
  workers: WorkersTable
  mentions: MentionsTable
  api_keys: KeysTable
  /** Which worker key speaks for an agent. */
  agent_keys: { customer: string; agent_id: string; key_id: string }
  /** One row, written to find out whether anything can be. */
  write_probe: { id: number; at: string }
  idempotency: IdempotencyTable
  /** How many bytes each customer has stored; '' where there are no customers. */
  storage: { customer: string; bytes: number }
}

interface ProjectsTable {
  seq: Generated<number>
  id: string
  /** Unique among the projects of its customer. */
  name: string
  local_path: string
  description: string
  /** Whose it is; '' where there are no customers. */
  customer: string
  /** How many of its runs may be under work at once; null for any number. */
  max_running: number | null
  /** Since when it is being deleted: nobody sees it, its tasks and runs any more. */
  removed_at: Generated<string | null>
  created_at: string
  updated_at: string
}

interface TasksTable {
  /** Order of arrival: what was added first is done first. */
  seq: Generated<number>
  id: string
  project_id: string
  /** The project's, here too since the queue of a customer is one walk along an index. */
  customer: string
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
  /** The run that waits for whoever takes the task: QUEUED, or PAUSED without a holder. */
  waiting_run: Generated<string | null>
  /** 1 while the waiting run is PAUSED: the task is handed to nobody. */
  on_hold: Generated<number>
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

interface RunsTable {
  seq: Generated<number>
  id: string
  project_id: string
  customer: string
  task_id: string
  name: string
  goal: string
  run_type: RunType
  options: string
  metadata: string
  steps: string | null
  status: RunStatus
  current_iteration: Generated<number>
  attempt: Generated<number>
  worker_id: string | null
  agent_id: string | null
  session_id: string | null
  model: string | null
  branch: string | null
  base: string | null
  commits: Generated<string>
  diff_summary: string | null
  tokens: string | null
  cost_usd: Generated<number>
  tool_calls: Generated<number>
  /** Epoch milliseconds by the database's clock; null for a holder on this machine, whose lock file says that it is alive. */
  lease_until: number | null
  /** The task's at the claim. */
  epoch: Generated<number>
  /** The machine of its holder, by the name that it gave itself; null when it gave none. Two that bear one agent id are told apart by it. */
  machine: Generated<string | null>
  /** How many leases of this run have expired. */
  expiries: Generated<number>
  error: string | null
  /** The run of which this one is a retry. */
  retry_of: string | null
  /** How much of the timeline is gone by age: 0 nothing, 1 the log, 2 all. */
  pruned: Generated<number>
  created_at: string
  started_at: string | null
  finished_at: string | null
}

interface EventsTable {
  /** Grows over all events, in the order in which they were committed. */
  cursor: Generated<number>
  /** The run's `seq`. */
  run: number
  /** Whose it is, so that a customer's events are one walk along an index. */
  customer: Generated<string>
  /** Counts within the run, from 1. */
  seq: number
  type: string
  at: string
  data: string
  /** The agent that told it, and its own number for it; null for what the control plane itself says. */
  source: string | null
  source_seq: number | null
}

interface WishesTable {
  seq: Generated<number>
  id: string
  run: number
  kind: Wish['kind']
  text: string
  mode: Wish['mode']
  asked_at: string
  asked_by: string
  delivered_at: string | null
}

interface WorkersTable {
  seq: Generated<number>
  id: string
  customer: string
  agent_id: string
  role: string
  level: Level
  labels: Generated<string>
  host: Generated<string>
  registered_at: string
  last_seen: string
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

interface KeysTable {
  seq: Generated<number>
  id: string
  /** The part of the key that is not secret, by which it is found. */
  prefix: string
  hash: string
  kind: KeyKind
  /** Null: an admin's key for all customers. */
  customer: string | null
  name: string
  created_at: string
  last_used_at: string | null
  revoked_at: string | null
}

interface IdempotencyTable {
  customer: string
  key: string
  method: string
  path: string
  body_hash: string
  status: number
  body: string
  created_at: string
}

export type ProjectRow = Selectable<ProjectsTable>
export type TaskRow = Selectable<TasksTable>
export type HistoryRow = Selectable<HistoryTable>
export type RunRow = Selectable<RunsTable>
export type NewRunRow = Insertable<RunsTable>
export type WorkerRow = Selectable<WorkersTable>
export type KeyRow = Selectable<KeysTable>
