import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { LIMITS } from '../../../src/core/limits.ts'
import { TEST_HANGS_MS } from '../../support/patience.ts'
import { postgresServer } from '../../support/postgres.ts'
import { tempFolder } from '../../support/temp.ts'
import { type Answer, ask } from '../ask.ts'

const postgres = postgresServer()

/**
 * The longest turn of the event loop, as a multiple of a measure: work that is always the same, done beside it in the same process. Both are
 * counted in time of the processor, at best of some tries, so what else runs on the machine, and how quick it is, is in both. On a quiet machine
 * of 2026 the measure is 20 ms; the table of limits promises 50.
 */
const MOST = 1.1
/** Of ten requests at once a turn of the loop may do several, but not all: that would be nine. */
const MOST_AT_ONCE = 4
/** The compiler and the collector of garbage work in between; what a request costs it costs each time. */
const TRIES = 5

/** A server in a process of its own, whose event loop is watched. */
async function watched(database: string, env: Record<string, string> = {}) {
  const path = join(import.meta.dirname, '../../fixtures/server-program.ts')
  const program = fork(path, [database, '0'], { silent: true, env: { ...process.env, ...env } })
  onTestFinished(async () => {
    program.kill('SIGKILL')
    if (program.exitCode === null && program.signalCode === null) await once(program, 'exit')
  })
  const { url } = await message<{ url: string }>(program)
  const call = (path: string, method = 'GET', json?: unknown, body = json === undefined ? undefined : JSON.stringify(json), headers = {}) =>
    ask(`${url}${path}`, { method, headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }, body })
  const asked = async (name: 'worst' | 'measure') => {
    program.send(name)
    return (await message<Record<string, number>>(program))[name]!
  }
  return {
    call,
    /** The longest turn of the loop while this is done, in measures. It is done again only while that is not less than `most`. */
    async turn(work: () => Promise<unknown>, most = MOST): Promise<number> {
      let [best, measure] = [Infinity, Infinity]
      for (let i = 0; i < TRIES && best >= most * measure; i++) {
        measure = Math.min(measure, await asked('measure'))
        await work()
        best = Math.min(best, await asked('worst'))
      }
      return Math.round((best / measure) * 100) / 100
    },
  }
}

async function message<T>(program: ChildProcess): Promise<T> {
  const [said] = await once(program, 'message')
  return said as T
}

const times = <T>(n: number, make: (i: number) => Promise<T>) => Promise.all(Array.from({ length: n }, (_, i) => make(i)))
const values = (n: number) => Array.from({ length: n }, (_, i) => i)
const keys = (n: number) => Object.fromEntries(values(n).map(i => [`key ${i}`, i]))

/** As many values and names as a body may have, but for those around. */
const VALUES = LIMITS.jsonValues.most - 50

/** The dearest bodies of so many values, by what they are made of. */
const bodies = (project: string, call: (path: string, method: string, json: object) => Promise<Answer>, most = VALUES) =>
  Object.fromEntries(
    Object.entries({
      'as many values as a body may have': { metadata: { list: values(most) } },
      'as many keys': { metadata: keys(most / 2) },
      'as many keys of a number each': { metadata: Object.fromEntries(values(most / 2).map(n => [n * 1_000_003, n])) },
      'as many objects': { metadata: { list: values(most / 4).map(n => ({ [`key ${n}`]: n })) } },
      'as many options': { options: keys(most / 2) },
      'as many texts with a NUL': { metadata: { list: values(most).map(n => `\0${n}`) } },
    }).map(([name, more]) => [name, () => call('/runs', 'POST', { project_id: project, goal: 'x', ...more })]),
  )

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
    const event = () => ({ seq: ++seq, at: '2026-01-01T00:00:00.000Z', type: 'agent_text' })
    const logs = `/api/v1/tasks/${task.id}/logs`
    const tell = (n: number, text: string) => call(logs, 'POST', { ...words, events: values(n).map(() => ({ ...event(), text })) })
    // Of somebody who has nothing to say.
    const end = (note: string) => call(`/api/v1/tasks/${task.id}/complete`, 'POST', { ...words, epoch: 0, note })
    const upload = (text: string) =>
      call(`/api/v1/runs/${run.id}/artifacts/diff.patch?agent_id=dev_1&epoch=${lease.epoch}`, 'PUT', undefined, text, {
        'content-type': 'text/plain',
      })
    for (let i = 0; i < 160; i++) await tell(1, 'x'.repeat(1_000_000))
    for (let i = 0; i < 60; i++) await times(10, n => create({ goal: `${i} ${n} ${'é'.repeat(99_000)}` }))

    const found: Record<string, number> = {}
    const cases: Record<string, () => Promise<unknown>> = {
      'a list of 500 runs': () => call('/runs?limit=500'),
      'a list of 500 tasks': () => call('/api/v1/tasks?limit=500'),
      'a page of all events': () => call('/events?limit=1000'),
      'ten lists of 500 runs at once': () => times(10, () => call('/runs?limit=500')),
      'ten lists of 500 tasks at once': () => times(10, () => call('/api/v1/tasks?limit=500')),
      'five lists of several states at once': () => times(5, () => call('/runs?limit=500&status=QUEUED,RUNNING,FAILED')),
      'ten searches at once': () => times(10, () => call('/runs?limit=500&text=nothing')),
      'ten pages of all events at once': () => times(10, () => call('/events?limit=1000')),
      'ten pages of one timeline at once': () => times(10, () => call(`/runs/${run.id}/events?limit=1000`)),
      'JSON that is 500,000 deep': () => deep(500_000),
      // The server hangs up before all of it is sent.
      'JSON that is 2,000,000 deep': () => deep(2_000_000).catch(() => {}),
      ...bodies(project, call),
      'as many mistakes in a body as it may have values': () => create({ goal: 'x', labels: values(VALUES) }),
      'as many unknown fields': () => call(`/projects/${project}`, 'PATCH', keys(VALUES / 2)),
      'a body of 170,000 NULs': () => create({ goal: '\0'.repeat(170_000) }),
      'a description of 1 MB': () => call(`/projects/${project}`, 'PATCH', { description: 'x'.repeat(1_000_000) }),
      'a body of 1 MB of escapes': () => create({ goal: 'x', metadata: { text: '\n'.repeat(500_000) } }),
      'ten bodies of 200 kB at once': () => times(10, () => create({ goal: 'x'.repeat(199_000) })),
      'blanks without an end of the line': () => create({ goal: `x${' '.repeat(199_000)}y` }),
      'a mention that goes on and on': () => end(`@${'.'.repeat(199_000)}a`),
      'a mention after the other': () => end('@a '.repeat(60_000)),
      'thousands of keys in a query': () => call(`/runs?${values(2_500).join('&')}`),
      'hundreds of headers': () => call('/runs', 'GET', undefined, undefined, Object.fromEntries(values(900).map(n => [`x${n}`, '1']))),
      'the document of the API': () => call('/openapi.json'),
      'a file of 4 MB': () => upload('é'.repeat(2_000_000)),
      'a file of 4 MB of NULs': () => upload('\0'.repeat(4_000_000)),
      'to read it': () => call(`/runs/${run.id}/diff`),
      'an event of as many keys as it may have': () =>
        call(logs, 'POST', { ...words, events: [{ ...event(), more: keys(VALUES / 2 - 20) }] }),
      'a batch of 500 events': () => tell(500, 'x'.repeat(1_900)),
      'one event of 1 MB': () => tell(1, 'é'.repeat(400_000)),
    }
    const most = (name: string) => (/at once/.test(name) ? MOST_AT_ONCE : MOST)
    for (const [name, work] of Object.entries(cases)) found[name] = await turn(work, most(name))
    expect(Object.entries(found).filter(([name, measures]) => measures >= most(name))).toEqual([])
  },
  TEST_HANGS_MS,
)

test('three times as much work is seen', async () => {
  const { call, turn } = await watched(join(tempFolder(), 'agent-runner.db'), { VALUES_TIMES: '3' })
  const { id: project } = (await call('/projects', 'POST', { name: 'shop', local_path: '/srv/shop' })).json
  expect(await turn(bodies(project, call, 3 * VALUES)['as many texts with a NUL']!)).toBeGreaterThan(MOST)
})
