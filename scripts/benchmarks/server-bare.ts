import { randomUUID } from 'node:crypto'
import type { BareDatabase } from './server-databases.ts'

/** Claims in a loop, each in a transaction that writes the same rows as a claim of the server: task, run, worker, history and event. */
export async function bareClaims(database: BareDatabase, role: string, count: number): Promise<void> {
  const { words, run } = database
  const next = `select id, waiting_run from tasks where customer = '' and status = 'created' and role = ?1 and locked_by is null
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
      `insert into workers (id, customer, agent_id, role, level, registered_at, last_seen) values (?1, '', ?1, ?2, 'senior', ?3, ?3)`,
      ...[agent, role, at],
    )
    const [row] = await run(
      `update runs set status = 'RUNNING', agent_id = ?1, worker_id = ?1, epoch = 1, lease_until = ?2, started_at = ?3
        where id = ?4 returning seq`,
      ...[agent, Date.now() + 90_000, at, runId],
    )
    await run(
      `insert into task_history (task_id, at, kind, who, from_status, to_status, run_id, epoch)
        values (?1, ?2, 'claimed', ?3, 'created', 'under_work', ?4, 1)`,
      ...[id, at, agent, runId],
    )
    await run(
      `insert into run_events (run, seq, type, at, data) values (?1, 1, 'RUN_STARTED', ?2, ?3)`,
      ...[row!.seq!, at, `{"agent":"${agent}","attempt":1}`],
    )
    await run('commit')
  }
}

/** Batches of events in a loop, each one statement in a transaction of its own. */
export async function bareEvents(database: BareDatabase, source: string, batches: number, size: number, data: string): Promise<void> {
  const rows = Array.from({ length: size }, (_, n) => `(-1, ?1 + ${n}, 'AGENT_THINKING', ?2, ?3, ?4, ?1 + ${n})`).join(', ')
  const insert = `insert into run_events (run, seq, type, at, data, source, source_seq) values ${rows}`
  for (let n = 0; n < batches; n++) {
    await database.run(database.words.begin)
    await database.run(insert, n * size + 1, new Date().toISOString(), data, source)
    await database.run('commit')
  }
}
