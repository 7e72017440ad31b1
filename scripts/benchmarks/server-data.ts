import type { BareDatabase } from './server-databases.ts'

export const PROJECT = 'prj_bench'
/** An hour ago: what is older than some weeks the server would begin to delete. */
const AT = new Date(Date.now() - 3_600_000).toISOString()
export const EVENTS_EACH = 20

const numbers = (from: number, to: number) => `with recursive n(i) as (select ${from} union all select i + 1 from n where i + 1 < ${to})`

/** One project and that many runs that are over, each with 20 events, put there past the rules. */
export async function fillWithHistory(database: BareDatabase, runs: number): Promise<void> {
  await database.run(database.words.begin)
  await database.run(
    `insert into projects (id, name, local_path, created_at, updated_at) values ('${PROJECT}', 'bench', '/srv/bench', '${AT}', '${AT}')`,
  )
  await addTasks(database, { prefix: 'old', from: 0, to: runs, role: 'backend_dev', status: 'qa_done' })
  await database.run(`${numbers(0, runs)}
    insert into runs (id, project_id, customer, task_id, name, goal, run_type, options, metadata, status, created_at, started_at, finished_at)
    select 'run_old' || i, '${PROJECT}', '', 'tsk_old' || i, 'Fix the login', 'Fix the login', 'agent', '{}', '{}',
      case when i % 100 = 0 then 'FAILED' else 'COMPLETED' end, '${AT}', '${AT}', '${AT}' from n`)
  await database.run(`with recursive e(k) as (select 1 union all select k + 1 from e where k < ${EVENTS_EACH})
    insert into run_events (run, seq, type, at, data, source, source_seq)
    select runs.seq, k, 'LOG', '${AT}', '{"text":"all tests pass, the change is on its branch"}', 'old', k from runs cross join e`)
  await database.run('commit')
  await database.settle()
}

/** That many runs that wait in the queue for a role. */
export async function fillQueue(database: BareDatabase, prefix: string, role: string, count: number): Promise<void> {
  await database.run(database.words.begin)
  await addTasks(database, { prefix, from: 0, to: count, role, status: 'created' })
  await database.run(`${numbers(0, count)}
    insert into runs (id, project_id, customer, task_id, name, goal, run_type, options, metadata, status, created_at)
    select 'run_${prefix}' || i, '${PROJECT}', '', 'tsk_${prefix}' || i, 'Fix the login', 'Fix the login', 'agent', '{}', '{}', 'QUEUED', '${AT}' from n`)
  await database.run(
    `update tasks set waiting_run = 'run_' || substr(id, 5) where role = ?1 and status = 'created' and waiting_run is null`,
    role,
  )
  await database.run('commit')
}

interface Tasks {
  prefix: string
  from: number
  to: number
  role: string
  status: string
}

async function addTasks(database: BareDatabase, { prefix, from, to, role, status }: Tasks): Promise<void> {
  await database.run(`${numbers(from, to)}
    insert into tasks (id, project_id, customer, title, description, criteria, role, seniority, complexity, priority, status, notes, created_at, updated_at)
    select 'tsk_${prefix}' || i, '${PROJECT}', '', 'Fix the login', '', '[]', '${role}', 'senior', 'major', 0, '${status}', '', '${AT}', '${AT}' from n`)
}
