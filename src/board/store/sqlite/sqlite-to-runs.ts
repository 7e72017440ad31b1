import type { DatabaseSync } from 'node:sqlite'
import { newProjectId, newRunId, newWorkerId } from '../../../core/ids.ts'

/**
 * From a board of tasks to projects, runs and events. Every repository of a task becomes a project; a task that waits or is under work
 * gets its run.
 */
export function toRuns(database: DatabaseSync): void {
  database.exec(TABLES)
  const at = new Date().toISOString()
  const project = database.prepare('insert into projects (id, name, local_path, created_at, updated_at) values (?, ?, ?, ?, ?)')
  const names = new Set<string>()
  for (const { path } of database.prepare('select distinct project as path from tasks').all() as { path: string }[]) {
    const base = path.split('/').findLast(Boolean) ?? 'default'
    let name = base
    for (let n = 2; names.has(name); n++) name = `${base}-${n}`
    names.add(name)
    project.run(newProjectId(), name, path, at, at)
  }
  database.exec('update tasks set project_id = (select id from projects where local_path = tasks.project)')
  const agent = database.prepare(
    `insert into workers (id, customer, agent_id, role, level, registered_at, last_seen)
     select ?, '', id, role, level, registered_at, last_seen from agents where id = ?`,
  )
  for (const { id } of database.prepare('select id from agents').all() as { id: string }[]) agent.run(newWorkerId(), id)
  const run = database.prepare(
    `insert into runs (id, project_id, customer, task_id, name, goal, run_type, options, metadata, status, worker_id, agent_id, epoch, created_at, started_at)
     select ?, project_id, customer, id, substr(title, 1, 60), case description when '' then title else description end, 'task', '{}', '{}',
       case status when 'under_work' then 'RUNNING' else 'QUEUED' end,
       (select workers.id from workers where agent_id = locked_by), locked_by, epoch, created_at, locked_at
     from tasks where id = ?`,
  )
  const open = `select id, run_id, locked_by from tasks
    where status in ('under_work', 'created') and (status <> 'created' or role <> 'qa') or status = 'dev_done' and role = 'qa' order by seq`
  const waits = database.prepare('update tasks set waiting_run = ? where id = ?')
  for (const task of database.prepare(open).all() as { id: string; run_id: string | null; locked_by: string | null }[]) {
    const id = (task.locked_by && task.run_id) || newRunId()
    run.run(id, task.id)
    if (!task.locked_by) waits.run(id, task.id)
  }
  database.exec(`
    drop index tasks_by_role;
    drop index tasks_by_status;
    alter table tasks drop column project;
    drop table agents;
    -- The queue of a project and that of a customer, each for one role and for QA, in its order.
    create index tasks_by_role on tasks (project_id, status, role, priority desc, seq);
    create index tasks_by_status on tasks (project_id, status, priority desc, seq);
    create index queue_by_role on tasks (customer, status, role, priority desc, seq);
    create index queue_by_status on tasks (customer, status, priority desc, seq);
    create index tasks_by_project on tasks (project_id, seq);
    create index tasks_by_holder on tasks (locked_by) where locked_by is not null;
  `)
}

const TABLES = `
  create table projects (
    seq integer primary key autoincrement,
    id text not null unique,
    name text not null,
    local_path text not null,
    description text not null default '',
    customer text not null default '',
    max_running integer,
    created_at text not null,
    updated_at text not null,
    unique (customer, name)
  ) strict;
  create index projects_by_path on projects (customer, local_path);

  alter table tasks add column project_id text references projects (id) on delete cascade;
  alter table tasks add column customer text not null default '';
  alter table tasks add column waiting_run text;
  alter table tasks add column on_hold integer not null default 0;

  -- A run may come back to its task after it was given back: it ends once per claim.
  drop index one_end_per_run;
  create unique index one_end_per_claim on task_history (task_id, run_id, epoch)
    where kind in ('reported', 'given_back', 'parked', 'stopped');

  create table task_labels (
    task_id text not null references tasks (id) on delete cascade,
    label text not null,
    primary key (task_id, label)
  ) strict, without rowid;

  create table runs (
    seq integer primary key autoincrement,
    id text not null unique,
    project_id text not null references projects (id) on delete cascade,
    customer text not null,
    task_id text not null references tasks (id) on delete cascade,
    name text not null,
    goal text not null,
    run_type text not null,
    options text not null,
    metadata text not null,
    steps text,
    status text not null check (status in ('QUEUED', 'RUNNING', 'PAUSED', 'STOPPED', 'COMPLETED', 'FAILED')),
    current_iteration integer not null default 0,
    attempt integer not null default 1,
    worker_id text,
    agent_id text,
    session_id text,
    model text,
    branch text,
    base text,
    commits text not null default '[]',
    diff_summary text,
    tokens text,
    cost_usd real not null default 0,
    tool_calls integer not null default 0,
    lease_until integer,
    epoch integer not null default 0,
    expiries integer not null default 0,
    error text,
    retry_of text,
    pruned integer not null default 0,
    created_at text not null,
    started_at text,
    finished_at text,
    check ((finished_at is not null) = (status in ('STOPPED', 'COMPLETED', 'FAILED')))
  ) strict;
  create index runs_by_task on runs (task_id, seq);
  create index runs_by_project on runs (project_id, seq);
  create index runs_by_project_status on runs (project_id, status, seq);
  create index runs_by_customer on runs (customer, seq);
  create index runs_by_customer_status on runs (customer, status, seq);
  create index runs_by_status on runs (status, seq);
  create index runs_by_lease on runs (lease_until) where lease_until is not null;
  create index runs_by_end on runs (pruned, finished_at) where finished_at is not null;

  create table run_events (
    cursor integer primary key autoincrement,
    run integer not null,
    seq integer not null,
    type text not null,
    at text not null,
    data text not null,
    source text,
    source_seq integer
  ) strict;
  create index run_events_by_run on run_events (run, cursor);
  -- What a runner sends again is there once.
  create unique index run_events_by_source on run_events (run, source, source_seq) where source_seq is not null;
  create table retention_pass (id integer primary key) strict;
  create trigger run_events_stay before update on run_events begin
    select raise(abort, 'events are never changed');
  end;
  create trigger run_events_are_kept before delete on run_events when not exists (select 1 from retention_pass) begin
    select raise(abort, 'events are deleted by retention alone');
  end;

  create table run_wishes (
    seq integer primary key autoincrement,
    id text not null unique,
    run integer not null references runs (seq) on delete cascade,
    kind text not null,
    text text not null,
    mode text not null,
    asked_at text not null,
    asked_by text not null,
    delivered_at text
  ) strict;
  create index run_wishes_by_run on run_wishes (run, seq);

  create table run_artifacts (
    run integer not null references runs (seq) on delete cascade,
    name text not null,
    content_type text not null,
    size integer not null,
    body text not null,
    created_at text not null,
    primary key (run, name)
  ) strict;

  create table workers (
    seq integer primary key autoincrement,
    id text not null unique,
    customer text not null,
    agent_id text not null,
    role text not null,
    level text not null,
    labels text not null default '[]',
    host text not null default '',
    registered_at text not null,
    last_seen text not null,
    unique (customer, agent_id)
  ) strict;

  create table api_keys (
    seq integer primary key autoincrement,
    id text not null unique,
    prefix text not null unique,
    hash text not null,
    kind text not null,
    customer text,
    name text not null,
    created_at text not null,
    last_used_at text,
    revoked_at text
  ) strict;

  create table idempotency (
    customer text not null,
    key text not null,
    method text not null,
    path text not null,
    body_hash text not null,
    status integer not null,
    body text not null,
    created_at text not null,
    primary key (customer, key)
  ) strict;
  create index idempotency_by_age on idempotency (created_at);
`
