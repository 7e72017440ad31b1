import { randomUUID } from 'node:crypto'
import type { BareDatabase } from './server-databases.ts'

/** What the loops do, for whoever reads the table. */
export const BARE = {
  claims: `one connection, statements prepared once, one transaction per claim: the first task whose role, level, labels and needed tasks allow it is
  locked and read, task, run, worker, history and event are written; no HTTP, no check of input, no lease to be watched, nobody to be told`,
  events: `one connection, statements prepared once, one transaction per batch: its run is locked, claim and last number are looked at, 50 events with
  their JSON are written by one statement; no HTTP, no check of input, nobody to be told`,
}

/** Claims in a loop, each in a transaction that asks what a claim of the server must ask, and writes the same rows. */
export async function bareClaims(database: BareDatabase, role: string, count: number): Promise<void> {
  const { words, run } = database
  const next = `select * from tasks where customer = '' and status = 'created' and role = ?1 and locked_by is null and on_hold = 0
    and seniority in ('junior', 'senior')
    and not exists (select 1 from task_labels where task_id = tasks.id)
    and not exists (select 1 from task_dependencies join tasks as needed on needed.id = depends_on
      where task_id = tasks.id and needed.status not in ('dev_done', 'qa_done', 'documentation_done', 'committed'))
    order by priority desc, seq limit 1 ${words.skippingHeld}`
  for (let n = 0; n < count; n++) {
    const at = new Date().toISOString()
    const agent = `bare-${randomUUID()}`
    await run(words.begin)
    const [task] = await run(next, role)
    if (!task) throw new Error('the queue is empty, so the times mean nothing')
    const [id, runId] = [String(task.id), String(task.waiting_run)]
    await run(
      `update tasks set status = 'under_work', locked_by = ?1, locked_at = ?2, run_id = waiting_run, claimed_from = status,
        waiting_run = null, epoch = epoch + 1, updated_at = ?2 where id = ?3 and locked_by is null`,
      ...[agent, at, id],
    )
    await run(
      `insert into workers (id, customer, agent_id, role, level, registered_at, last_seen) values (?1, '', ?1, ?2, 'senior', ?3, ?3)
        on conflict (customer, agent_id) do update set role = excluded.role, level = excluded.level, last_seen = excluded.last_seen`,
      ...[agent, role, at],
    )
    const [row] = await run(
      `update runs set status = 'RUNNING', agent_id = ?1, worker_id = ?1, epoch = 1, lease_until = ?2, started_at = ?3
        where id = ?4 returning *`,
      ...[agent, Date.now() + 90_000, at, runId],
    )
    await run(
      `insert into task_history (task_id, at, kind, who, from_status, to_status, run_id, epoch)
        values (?1, ?2, 'claimed', ?3, 'created', 'under_work', ?4, 1)`,
      ...[id, at, agent, runId],
    )
    await run(
      `insert into run_events (run, seq, type, at, data) values (?1,
        coalesce((select seq from run_events where run = ?1 order by cursor desc limit 1), 0) + 1, 'RUN_STARTED', ?2, ?3)`,
      ...[row!.seq!, at, JSON.stringify({ agent, attempt: row!.attempt })],
    )
    await run('commit')
  }
}

/** Batches of events of one run in a loop, each one statement in a transaction of its own. */
export async function bareEvents(database: BareDatabase, runId: string, batches: number, size: number, text: string): Promise<void> {
  const { words, run } = database
  const agent = `bare-${randomUUID()}`
  const its = `select seq, agent_id, epoch, (select source_seq from run_events where run = runs.seq and source = ?2 order by source_seq desc limit 1)
    as told, (select seq from run_events where run = runs.seq order by cursor desc limit 1) as last from runs where id = ?1 ${words.held}`
  const rows = Array.from({ length: size }, (_, n) => `(?1, ?2 + ${n}, 'LOG', ?${2 * n + 5}, ?${2 * n + 6}, ?3, ?4 + ${n})`).join(', ')
  const insert = `insert into run_events (run, seq, type, at, data, source, source_seq) values ${rows}`
  for (let n = 0; n < batches; n++) {
    await run(words.begin)
    const [row] = await run(its, runId, agent)
    const { seq, told, last } = row!
    const values = Array.from({ length: size }, (_, i) => {
      const event = { seq: Number(told) + i + 1, at: new Date().toISOString(), type: 'agent_text', text, runId, agentId: agent }
      return [event.at, JSON.stringify(event)]
    })
    await run(insert, seq!, Number(last) + 1, agent, Number(told) + 1, ...values.flat())
    await run('commit')
  }
}
