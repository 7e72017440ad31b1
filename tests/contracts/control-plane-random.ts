import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ControlPlane } from '../../src/board/control-plane.ts'
import type { Holder } from '../../src/board/runs/endings.ts'
import { bench, type Database, dev, me, type NewDatabase, qa, told } from './control-plane-fixture.ts'

/** The transitions that are legal, said once more. */
const LEGAL = new Set([
  ...['QUEUED RUNNING', 'QUEUED PAUSED', 'QUEUED STOPPED'],
  ...['RUNNING PAUSED', 'RUNNING QUEUED', 'RUNNING STOPPED', 'RUNNING COMPLETED', 'RUNNING FAILED'],
  ...['PAUSED RUNNING', 'PAUSED QUEUED', 'PAUSED STOPPED', 'PAUSED COMPLETED', 'PAUSED FAILED'],
])
/** How a client may be refused. Anything else is a fault of ours. */
const REFUSALS = ['RUN_STATE', 'LEASE_LOST', 'USAGE', 'NOT_FOUND']

const PEOPLE = ['create', 'pause', 'resume', 'stop', 'directive', 'retry', 'cancel', 'requeue', 'move', 'leases end'] as const
const RUNNERS = ['next', 'claim', 'renew', 'paused', 'resumed', 'report', 'send back', 'give back', 'park', 'stopped', 'old word'] as const
const step = fc.record({ what: fc.constantFrom(...PEOPLE, ...RUNNERS), run: fc.nat(3), who: fc.nat(3) })
/** What several clients do at the same moment, again and again. */
const story = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 5, maxLength: 30 })

/** How many clients make a storm, how much each does at most, and when they all leave off, in milliseconds. */
const CLIENTS = 8
const STORM = 150
const STORM_MS = 8_000

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Whatever clients do, and in whatever order: no run and no task is ever in a state that must not be. */
export function randomPromises(newDatabase: NewDatabase): void {
  test('random clients never bring a run or task into an illegal state', async () => {
    const { database, plane, open, project } = await bench(newDatabase, { maxExpiries: 4 })
    await watch(database, plane.kind)
    const planes = [plane, await open(), await open()]
    const property = fc.asyncProperty(story, async moments => {
      await database.ask('delete from status_log')
      const world: World = { projectId: project.id, database, holders: [], seq: 0 }
      for (let i = 0; i < 2; i++) await act(planes[i]!, world, { what: 'create', run: 0, who: 0 })
      for (const moment of moments) {
        await Promise.all(moment.map((each, i) => act(planes[i]!, world, each)))
        await check(database)
      }
      for (const task of (await plane.tasks.list(me, { limit: 500 })).items) await plane.tasks.move(me, task.id, 'committed')
      await plane.queue.sweep()
    })
    // On failure it prints the seed and the shortest story.
    await fc.assert(property, { numRuns: 25, interruptAfterTimeLimit: 60_000 })
  })

  test('a storm of clients, none of whom waits for another, ends in good order', async () => {
    const { database, plane, open, project } = await bench(newDatabase, { maxExpiries: 1_000 })
    await watch(database, plane.kind)
    const planes = [plane, await open(), await open()]
    const world: World = { projectId: project.id, database, holders: [], seq: 0 }
    const until = performance.now() + STORM_MS
    const client = async (i: number) => {
      for (const each of fc.sample(step, STORM)) if (performance.now() < until) await act(planes[i % 3]!, world, each)
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i)))
    await check(database)
  })
}

interface World {
  projectId: string
  database: Database
  /** Everybody who ever held something; the last are the latest. */
  holders: { holder: Holder; taskId: string }[]
  seq: number
}

async function act(plane: ControlPlane, world: World, { what, run: which, who }: Step): Promise<void> {
  const { items: runs } = await plane.runs.list(me, { limit: 8 })
  const run = runs[which % Math.max(1, runs.length)]
  const agent = who === 3 ? qa() : dev(`dev_${who}`)
  const held = world.holders.findLast(each => each.holder.agentId === agent.id)
  const old = world.holders[which % Math.max(1, world.holders.length)]
  const end = (kind: 'reported' | 'given_back' | 'parked' | 'stopped', status?: string, by = held) =>
    by && plane.queue.conclude(me, by.holder, by.taskId, { kind, status, note: what })
  const say = (type: string, by = held) => by && plane.queue.publish(me, by.holder, [told(++world.seq, type, { message: '' })])
  const take = async (claim: ReturnType<ControlPlane['queue']['next']>) => {
    const claimed = await claim
    if (claimed)
      world.holders.push({ taskId: claimed.task.id, holder: { agentId: agent.id, runId: claimed.run.id, epoch: claimed.lease.epoch } })
  }
  const deeds: Record<Step['what'], () => unknown> = {
    create: () =>
      runs.length < 8 && plane.runs.create(me, { projectId: world.projectId, goal: 'anything', options: { dry_run: which === 1 } }),
    pause: () => run && plane.runs.pause(me, run.id),
    resume: () => run && plane.runs.resume(me, run.id),
    stop: () => run && plane.runs.stop(me, run.id),
    directive: () => run && plane.runs.directive(me, run.id, { text: 'do', mode: 'now' }),
    retry: () => run && plane.runs.retry(me, run.id),
    cancel: () => run && plane.tasks.cancel(me, run.taskId),
    requeue: () => run && plane.tasks.requeue(me, run.taskId),
    move: () => run && plane.tasks.move(me, run.taskId, ['created', 'dev_done', 'pending', 'qa_done'][who]!),
    'leases end': async () => {
      await world.database.ask('update runs set lease_until = 1 where lease_until is not null')
      await plane.queue.sweep()
    },
    next: () => take(plane.queue.next(me, agent)),
    claim: () => run && take(plane.queue.claim(me, agent, run.taskId, run.id)),
    renew: () => held && plane.queue.renew(me, held.holder),
    paused: () => say('run_paused'),
    resumed: () => say('run_resumed'),
    report: () => end('reported', agent.role === 'qa' ? 'qa_done' : 'dev_done'),
    'send back': () => end('reported', 'created'),
    'give back': () => end('given_back'),
    park: () => end('parked'),
    stopped: () => end('stopped'),
    'old word': () => (who % 2 ? say('run_paused', old) : end('reported', 'dev_done', old)),
  }
  try {
    await deeds[what]()
  } catch (error) {
    if (!REFUSALS.includes((error as { code: string }).code)) throw error
  }
}

/** The database itself writes down every change of a run's state. */
async function watch(database: Database, kind: ControlPlane['kind']): Promise<void> {
  await database.ask('create table status_log (run text, was text, became text)')
  const note = `insert into status_log values (new.id, old.status, new.status)`
  if (kind === 'sqlite') {
    await database.ask(`create trigger status_log after update of status on runs when old.status <> new.status begin ${note}; end`)
    return
  }
  await database.ask(`create function log_status() returns trigger language plpgsql as $$ begin ${note}; return new; end $$`)
  await database.ask(
    `create trigger status_log after update of status on runs for each row when (old.status <> new.status) execute function log_status()`,
  )
}

/** What must be true of all runs and tasks at every moment. */
async function check(database: Database): Promise<void> {
  const moves = await database.ask('select * from status_log')
  expect(moves.filter(({ was, became }) => !LEGAL.has(`${was} ${became}`))).toEqual([])
  const faults = await database.ask(`
    select tasks.id, tasks.status, tasks.locked_by, tasks.waiting_run, tasks.on_hold, tasks.run_id, runs.id as run, runs.status as state
    from tasks left join runs on runs.task_id = tasks.id and runs.status in ('QUEUED', 'RUNNING', 'PAUSED')
    where
      -- A run that waits is the task's waiting one, and a waiting run waits.
      (runs.status = 'QUEUED' and (tasks.waiting_run is null or tasks.waiting_run <> runs.id))
      or (tasks.waiting_run is not null and (runs.id is null or (runs.id = tasks.waiting_run and runs.status = 'RUNNING')))
      or (tasks.waiting_run = runs.id and (tasks.on_hold = 1) <> (runs.status = 'PAUSED'))
      or (tasks.waiting_run is null and tasks.on_hold = 1)
      -- What is handed out has a run that waits; what is under work has one that runs, by the same agent and claim.
      or (tasks.status = 'created' and tasks.waiting_run is null)
      or (tasks.status = 'under_work' and (tasks.waiting_run is not null or runs.id is null))
      or (tasks.locked_by is not null and runs.id = tasks.run_id and (runs.agent_id <> tasks.locked_by or runs.epoch <> tasks.epoch or runs.worker_id is null))
      -- A run whose task was taken away goes on only until its runner has heard of it.
      or (runs.status = 'RUNNING' and (tasks.status <> 'under_work' or tasks.run_id <> runs.id) and not exists (
        select 1 from run_wishes where run_wishes.run = runs.seq and kind = 'stop' and delivered_at is null))
  `)
  expect(faults).toEqual([])
  expect(
    await database.ask(`select task_id from runs where status in ('QUEUED', 'RUNNING', 'PAUSED') group by task_id having count(*) > 1`),
  ).toEqual([])
}
