import { COUNT_STORAGE } from '../storage-migration.ts'

/**
 * The steps from an empty PostgreSQL database to today's tables: entry n leads to version n + 1. The tables are those of SQLite. Never
 * change one that was released; add another.
 */
export const POSTGRES_MIGRATIONS: readonly string[] = [
  `
  create table projects (
    seq bigint generated always as identity primary key,
    id text not null unique,
    name text not null,
    local_path text not null,
    description text not null default '',
    customer text not null default '',
    max_running integer,
    created_at text not null,
    updated_at text not null,
    unique (customer, name)
  );
  create index projects_by_path on projects (customer, local_path);

  create table tasks (
    seq bigint generated always as identity primary key,
    id text not null unique,
    project_id text not null references projects (id) on delete cascade,
    customer text not null default '',
    title text not null,
    description text not null,
    criteria text not null,
    role text not null,
    seniority text not null check (seniority in ('junior', 'senior', 'principal')),
    complexity text not null check (complexity in ('minor', 'major')),
    branch text,
    priority integer not null,
    max_cost_usd double precision,
    model text,
    status text not null,
    notes text not null,
    locked_by text,
    locked_at text,
    run_id text,
    waiting_run text,
    on_hold integer not null default 0,
    claimed_from text,
    epoch integer not null default 0,
    created_at text not null,
    updated_at text not null,
    check ((locked_by is not null) = (status = 'under_work'))
  );
  create index tasks_by_role on tasks (project_id, status, role, priority desc, seq);
  create index tasks_by_status on tasks (project_id, status, priority desc, seq);
  create index queue_by_role on tasks (customer, status, role, priority desc, seq);
  create index queue_by_status on tasks (customer, status, priority desc, seq);
  create index tasks_by_project on tasks (project_id, seq);
  create index tasks_by_holder on tasks (locked_by) where locked_by is not null;

  create table task_dependencies (
    task_id text not null references tasks (id) on delete cascade,
    depends_on text not null references tasks (id) on delete cascade,
    primary key (task_id, depends_on)
  );
  create index task_dependents on task_dependencies (depends_on);

  create table task_labels (
    task_id text not null references tasks (id) on delete cascade,
    label text not null,
    primary key (task_id, label)
  );

  create table task_history (
    seq bigint generated always as identity primary key,
    task_id text not null references tasks (id) on delete cascade,
    at text not null,
    kind text not null,
    who text not null,
    from_status text,
    to_status text,
    note text,
    run_id text,
    epoch integer not null
  );
  create index task_history_by_task on task_history (task_id, seq);
  create unique index one_end_per_claim on task_history (task_id, run_id, epoch)
    where kind in ('reported', 'given_back', 'parked', 'stopped');

  create table runs (
    seq bigint generated always as identity primary key,
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
    cost_usd double precision not null default 0,
    tool_calls integer not null default 0,
    lease_until bigint,
    epoch integer not null default 0,
    expiries integer not null default 0,
    error text,
    retry_of text,
    pruned integer not null default 0,
    created_at text not null,
    started_at text,
    finished_at text,
    check ((finished_at is not null) = (status in ('STOPPED', 'COMPLETED', 'FAILED')))
  );
  create index runs_by_task on runs (task_id, seq);
  create index runs_by_project on runs (project_id, seq);
  create index runs_by_project_status on runs (project_id, status, seq);
  create index runs_by_customer on runs (customer, seq);
  create index runs_by_customer_status on runs (customer, status, seq);
  create index runs_by_status on runs (status, seq);
  create index runs_by_lease on runs (lease_until) where lease_until is not null;
  create index runs_by_end on runs (pruned, finished_at) where finished_at is not null;

  create table run_events (
    cursor bigint generated always as identity primary key,
    run bigint not null,
    seq integer not null,
    type text not null,
    at text not null,
    data text not null,
    source text,
    source_seq bigint
  );
  create index run_events_by_run on run_events (run, cursor);
  create unique index run_events_by_source on run_events (run, source, source_seq) where source_seq is not null;
  create table retention_pass (id integer primary key);
  create function agent_runner_events_stay() returns trigger language plpgsql as $$
  begin
    if tg_op = 'DELETE' and exists (select 1 from retention_pass) then
      return old;
    end if;
    raise exception 'events are never changed, and deleted by retention alone';
  end $$;
  create trigger run_events_stay before update or delete on run_events for each row execute function agent_runner_events_stay();

  create table run_wishes (
    seq bigint generated always as identity primary key,
    id text not null unique,
    run bigint not null references runs (seq) on delete cascade,
    kind text not null,
    text text not null,
    mode text not null,
    asked_at text not null,
    asked_by text not null,
    delivered_at text
  );
  create index run_wishes_by_run on run_wishes (run, seq);

  create table run_artifacts (
    run bigint not null references runs (seq) on delete cascade,
    name text not null,
    content_type text not null,
    size integer not null,
    body text not null,
    created_at text not null,
    primary key (run, name)
  );

  create table workers (
    seq bigint generated always as identity primary key,
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
  );

  create table mentions (
    seq bigint generated always as identity primary key,
    agent_id text not null,
    task_id text references tasks (id) on delete cascade,
    sender text not null,
    text text not null,
    at text not null,
    read_at text
  );
  create index mentions_by_agent on mentions (agent_id, read_at, seq);
  create index mentions_by_task on mentions (task_id);

  create table api_keys (
    seq bigint generated always as identity primary key,
    id text not null unique,
    prefix text not null unique,
    hash text not null,
    kind text not null,
    customer text,
    name text not null,
    created_at text not null,
    last_used_at text,
    revoked_at text
  );

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
  );
  create index idempotency_by_age on idempotency (created_at);
  `,
  'alter table runs add column machine text;',
  `
  alter table projects add column removed_at text;
  create index projects_removed on projects (id) where removed_at is not null;
  `,
  `
  create table agent_keys (
    customer text not null,
    agent_id text not null,
    key_id text not null,
    primary key (customer, agent_id)
  );
  create table write_probe (id integer primary key, at text not null);
  `,
  `
  alter table run_events add column customer text not null default '';
  alter table run_events disable trigger run_events_stay;
  update run_events set customer = runs.customer from runs where runs.seq = run_events.run and runs.customer <> '';
  alter table run_events enable trigger run_events_stay;
  create index run_events_by_customer on run_events (customer, cursor) where customer <> '';
  `,
  `
  create table storage (customer text primary key, bytes bigint not null);
  ${COUNT_STORAGE}
  `,
]
