import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { TEST_HANGS_MS } from '../../support/patience.ts'
import { postgresServer } from '../../support/postgres.ts'
import { tempFolder } from '../../support/temp.ts'
import { ask } from './ask.ts'

const postgres = postgresServer()

/**
 * Four times what the table of limits promises, in milliseconds of work: where others work too, processors share caches and clocks, and the same
 * work has been seen to cost three times as much. The faults were 300 ms and more.
 */
const MOST_MS = 4 * 50
/** The compiler and the collector of garbage work in between; what a request costs it costs each time. */
const TRIES = 5

/** A server in a process of its own, whose event loop is watched. */
async function watched(database: string) {
  const program = fork(join(import.meta.dirname, '../../fixtures/server-program.ts'), [database, '0'], { silent: true })
  onTestFinished(async () => {
    program.kill('SIGKILL')
    if (program.exitCode === null && program.signalCode === null) await once(program, 'exit')
  })
  const { url } = await message<{ url: string }>(program)
  const call = (path: string, method = 'GET', json?: unknown, body = json === undefined ? undefined : JSON.stringify(json)) =>
    ask(`${url}${path}`, { method, headers: body === undefined ? {} : { 'content-type': 'application/json' }, body })
  const worst = async () => {
    program.send('worst')
    return (await message<{ worst: number }>(program)).worst
  }
  return {
    call,
    /** The longest turn of the loop while this is done, at best of some tries. */
    async turn(work: () => Promise<unknown>): Promise<number> {
      let best = Infinity
      for (let i = 0; i < TRIES; i++) {
        await worst()
        await work()
        best = Math.min(best, await worst())
      }
      return Math.round(best)
    },
  }
}

async function message<T>(program: ChildProcess): Promise<T> {
  const [said] = await once(program, 'message')
  return said as T
}

const times = <T>(n: number, make: (i: number) => Promise<T>) => Promise.all(Array.from({ length: n }, (_, i) => make(i)))
const values = (n: number) => Array.from({ length: n }, (_, i) => i)

test.each([
  ['SQLite', async () => join(tempFolder(), 'agent-runner.db')],
  ['PostgreSQL', () => postgres.database()],
])(
  'nothing that a client sends or has stored holds up the event loop, on %s',
  async (_, database) => {
    const { call, turn } = await watched(await database())
    const { id: project } = (await call('/projects', 'POST', { name: 'shop', local_path: '/srv/shop' })).json
    const create = (more: object) => call('/runs', 'POST', { project_id: project, role: 'backend_dev', ...more })
    const start = `{"project_id":"${project}","goal":"x","metadata":`
    const raw = (body: string) => call('/runs', 'POST', undefined, body)
    const deep = (n: number) => raw(`${start}${'['.repeat(n)}${']'.repeat(n)}}`)

    await create({ goal: 'Mend it', priority: 10 })
    const poll = await call('/api/v1/tasks/poll?agent_id=dev_1&role=backend_dev&level=senior')
    const { run, task, lease } = poll.json
    const words = { agent_id: 'dev_1', run_id: run.id, epoch: lease.epoch }
    let seq = 0
    const tell = (n: number, text: string) => {
      const events = values(n).map(() => ({ seq: ++seq, at: '2026-01-01T00:00:00.000Z', type: 'agent_text', text }))
      return call(`/api/v1/tasks/${task.id}/logs`, 'POST', { ...words, events })
    }
    for (let i = 0; i < 160; i++) await tell(1, 'x'.repeat(1_000_000))
    for (let i = 0; i < 60; i++) await times(10, n => create({ goal: `${i} ${n} ${'é'.repeat(99_000)}` }))

    const found: Record<string, number> = {}
    const cases: Record<string, () => Promise<unknown>> = {
      'ten lists of 500 runs at once': () => times(10, () => call('/runs?limit=500')),
      'ten lists of 500 tasks at once': () => times(10, () => call('/api/v1/tasks?limit=500')),
      'lists of several states': () => times(5, () => call('/runs?limit=500&status=QUEUED,RUNNING,FAILED')),
      'ten searches at once': () => times(10, () => call('/runs?limit=500&text=nothing')),
      'ten pages of all events at once': () => times(10, () => call('/events?limit=1000')),
      'ten pages of one timeline at once': () => times(10, () => call(`/runs/${run.id}/events?limit=1000`)),
      'JSON that is 500,000 deep': () => deep(500_000),
      // The server hangs up before all of it is sent.
      'JSON that is 2,000,000 deep': () => deep(2_000_000).catch(() => {}),
      'a body of 49,000 values': () => create({ goal: 'x', metadata: { list: values(49_000) } }),
      'a body of 24,000 keys': () => create({ goal: 'x', metadata: Object.fromEntries(values(24_000).map(n => [`key ${n}`, n])) }),
      '49,000 mistakes in a body': () => create({ goal: 'x', labels: values(49_000) }),
      '24,000 unknown fields in a body': () =>
        call(`/projects/${project}`, 'PATCH', Object.fromEntries(values(24_000).map(n => [`key ${n}`, n]))),
      'a body of 170,000 NULs': () => create({ goal: '\0'.repeat(170_000) }),
      'a description of 1 MB': () => call(`/projects/${project}`, 'PATCH', { description: 'x'.repeat(1_000_000) }),
      '500 events at once': () => tell(500, 'x'.repeat(1_900)),
      'one event of 1 MB': () => tell(1, 'é'.repeat(400_000)),
    }
    for (const [name, work] of Object.entries(cases)) found[name] = await turn(work)
    expect(Object.entries(found).filter(([, ms]) => ms >= MOST_MS)).toEqual([])
    expect(await turn(() => call('/livez'))).toBeLessThan(MOST_MS)
  },
  TEST_HANGS_MS,
)
