import type { DatabaseSync } from 'node:sqlite'
import { RunnerError } from '../../../core/errors.ts'
import { COUNT_STORAGE } from '../storage-migration.ts'
import { toRuns } from './sqlite-to-runs.ts'

/** A step: statements, or what SQL alone cannot do. */
type Migration = string | ((database: DatabaseSync) => void)

/** The steps from an empty file to today's tables: entry n leads to version n + 1. Never change one that was released; add another. */
export const SQLITE_MIGRATIONS: readonly Migration[] = [
  `
  create table tasks (
    seq integer primary key autoincrement,
    id text not null unique,
    project text not null,
    title text not null,
    description text not null,
    criteria text not null,
    role text not null,
    seniority text not null check (seniority in ('junior', 'senior', 'principal')),
    complexity text not null check (complexity in ('minor', 'major')),
    branch text,
    priority integer not null,
    max_cost_usd real,
    model text,
    status text not null,
    notes text not null,
    locked_by text,
    locked_at text,
    run_id text,
    claimed_from text,
    epoch integer not null default 0,
    created_at text not null,
    updated_at text not null,
    check ((locked_by is not null) = (status = 'under_work'))
  ) strict;
  -- The two questions of a look (my role's tasks; every task in a status), each answered in the order of the queue.
  create index tasks_by_role on tasks (project, status, role, priority desc, seq);
  create index tasks_by_status on tasks (project, status, priority desc, seq);

  create table task_dependencies (
    task_id text not null references tasks (id) on delete cascade,
    depends_on text not null references tasks (id),
    primary key (task_id, depends_on)
  ) strict, without rowid;
  create index task_dependents on task_dependencies (depends_on);

  create table task_history (
    seq integer primary key autoincrement,
    task_id text not null references tasks (id) on delete cascade,
    at text not null,
    kind text not null,
    who text not null,
    from_status text,
    to_status text,
    note text,
    run_id text,
    epoch integer not null
  ) strict;
  create index task_history_by_task on task_history (task_id, seq);
  -- A run ends once, whatever is repeated.
  create unique index one_end_per_run on task_history (task_id, run_id) where kind in ('reported', 'given_back', 'parked');

  create table agents (
    id text primary key,
    role text not null,
    level text not null,
    registered_at text not null,
    last_seen text not null
  ) strict;

  create table mentions (
    seq integer primary key autoincrement,
    agent_id text not null,
    task_id text references tasks (id) on delete cascade,
    sender text not null,
    text text not null,
    at text not null,
    read_at text
  ) strict;
  create index mentions_by_agent on mentions (agent_id, read_at, seq);
  create index mentions_by_task on mentions (task_id);
  `,
  toRuns,
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
  ) strict;
  create table write_probe (id integer primary key, at text not null) strict;
  `,
  `
  alter table run_events add column customer text not null default '';
  drop trigger run_events_stay;
  update run_events set customer = (select runs.customer from runs where runs.seq = run_events.run)
    where exists (select 1 from runs where runs.seq = run_events.run and runs.customer <> '');
  create trigger run_events_stay before update on run_events begin
    select raise(abort, 'events are never changed');
  end;
  create index run_events_by_customer on run_events (customer, cursor) where customer <> '';
  `,
  `
  create table storage (customer text primary key, bytes integer not null) strict;
  ${COUNT_STORAGE}
  `,
  // Columns behind a long text in a row can only be found by reading the text. So the texts come last, and lists read them only to show
  // them.
  `
  alter table tasks add column last_description text not null default '';
  alter table tasks add column last_criteria text not null default '[]';
  alter table tasks add column last_notes text not null default '';
  update tasks set last_description = description, last_criteria = criteria, last_notes = notes;
  alter table tasks drop column description;
  alter table tasks drop column criteria;
  alter table tasks drop column notes;
  alter table tasks rename column last_description to description;
  alter table tasks rename column last_criteria to criteria;
  alter table tasks rename column last_notes to notes;
  `,
]

/**
 * Brings the tables up to date, each step whole or not at all. Any number of processes may do it at once: one works, the
 * others wait and find it done. Throws STATE_UNUSABLE when the file was made by a newer version of this program.
 */
export function migrate(database: DatabaseSync, file: string, migrations: readonly Migration[] = SQLITE_MIGRATIONS): void {
  // Almost every opening finds nothing to do, and must not wait for somebody else's write to see that.
  if (isUpToDate(database, file, migrations)) return
  database.exec('begin immediate')
  try {
    // Somebody else may have been quicker.
    const steps = isUpToDate(database, file, migrations) ? [] : migrations.slice(versionOf(database))
    for (const step of steps) typeof step === 'string' ? database.exec(step) : step(database)
    database.exec(`pragma user_version = ${migrations.length}`)
    database.exec('commit')
  } catch (error) {
    // A full disk rolls back by itself.
    if (database.isTransaction) database.exec('rollback')
    throw error
  }
}

/** Whether the tables are today's. Throws STATE_UNUSABLE when they are of a newer version. */
export function isUpToDate(database: DatabaseSync, file: string, migrations: readonly Migration[] = SQLITE_MIGRATIONS): boolean {
  const version = versionOf(database)
  if (version <= migrations.length) return version === migrations.length
  throw new RunnerError(
    'STATE_UNUSABLE',
    `${file} was made by a newer agent-runner: its version is ${version}, this one knows ${migrations.length}`,
    { advice: 'Use the newer agent-runner, or another HEADLESS_PM_HOME.' },
  )
}

/** The version of the tables in a file. */
export function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('pragma user_version').get()?.user_version)
}
