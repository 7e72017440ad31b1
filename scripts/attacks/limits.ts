import { setTimeout as delay } from 'node:timers/promises'
import { type Part, verdict } from './frame.ts'
import { type Answer, startTarget, type Target } from './server-stage.ts'

/** How long a caller who asks for nothing waits, at worst, while something happens. Milliseconds. */
async function worstWait(target: Target, meanwhile: () => Promise<unknown>): Promise<number> {
  let worst = 0
  let over = false
  const asking = (async () => {
    while (!over) {
      worst = Math.max(worst, (await target.ask('/livez')).ms)
      await delay(5)
    }
  })()
  await meanwhile()
  over = true
  await asking
  return worst
}

/** A wait that no block of the server's loop explains on a busy machine: the faults were seconds. */
const SHORT_MS = 500
/** The same where who asks makes and reads many megabytes meanwhile itself; the faults were 15 s and more. */
const BESIDE_MEGABYTES_MS = 3_000

const project = async (target: Target): Promise<string> =>
  (await target.own('/projects', { method: 'POST', json: { name: 'shop', local_path: '/srv/shop' } })).json.id

const seen = (answers: Answer[], worst: number) =>
  `${[...new Set(answers.map(({ status }) => status))].join(' ')}, worst wait ${worst.toFixed(0)} ms`

/** A run that a worker holds, and how it tells of it. */
async function held(target: Target, project: string) {
  const post = (path: string, json: unknown) => target.own(path, { method: 'POST', json })
  await post('/runs', { project_id: project, goal: 'Mend it', role: 'backend_dev' })
  const { run, task, lease } = (await target.own('/api/v1/tasks/poll?agent_id=dev_1&role=backend_dev&level=senior')).json
  const words = { agent_id: 'dev_1', run_id: run.id, epoch: lease.epoch }
  const event = (seq: number, more: object) => ({ seq, at: '2026-01-01T00:00:00.000Z', ...more })
  return {
    tell: (...events: object[]) =>
      post(`/api/v1/tasks/${task.id}/logs`, { ...words, events: events.map((more, i) => event(i + 1, { ...more })) }),
    end: (note: string) => post(`/api/v1/tasks/${task.id}/complete`, { ...words, note }),
    upload: (body: string) =>
      target.own(`/api/v1/runs/${run.id}/artifacts/diff.patch?agent_id=dev_1&epoch=${lease.epoch}`, {
        ...{ method: 'PUT', headers: { 'content-type': 'text/plain' }, body },
      }),
    now: async () => (await target.own(`/runs/${run.id}`)).json,
    events: async (): Promise<{ data: { type?: string } }[]> => (await target.own(`/runs/${run.id}/events?limit=1000`)).json,
  }
}

/** What is too large, too deep, too many, or no text. */
export const limits: Part = {
  name: 'limits',
  attacks: [
    {
      name: 'lists of 500 runs with goals of 200 kB hold up nobody',
      async run(stage) {
        const target = await startTarget(stage)
        const id = await project(target)
        for (let i = 0; i < 60; i++)
          await Promise.all(
            Array.from({ length: 10 }, (_, n) =>
              target.own('/runs', { method: 'POST', json: { project_id: id, goal: `${i} ${n} ${'x'.repeat(199_000)}` } }),
            ),
          )
        const lists = ['/runs?limit=500', '/api/v1/tasks?limit=500', '/runs?limit=500&text=nothing', '/events?limit=1000']
        const answers: Answer[] = []
        const worst = await worstWait(target, async () => {
          answers.push(...(await Promise.all([...lists, ...lists, ...lists].map(path => target.own(path)))))
        })
        return verdict(
          {
            'all are answered': answers.every(({ status }) => status === 200),
            'a page is small': answers.every(({ text }) => text.length < 3_000_000),
            'the next page is told': answers[0]!.headers.link !== undefined,
            'others wait shortly': worst < BESIDE_MEGABYTES_MS,
          },
          seen(answers, worst),
        )
      },
    },
    {
      name: 'JSON that is very deep, very large or has very many values is refused before it is parsed',
      async run(stage) {
        const target = await startTarget(stage)
        const id = await project(target)
        const post = (body: string) => target.own('/runs', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
        const start = `{"project_id":"${id}","goal":"x","metadata":`
        const hostile = [
          `${start}${'['.repeat(500_000)}${']'.repeat(500_000)}}`,
          `${start}${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`,
          `${start}[${'{},'.repeat(200_000)}1]}`,
          `${start}"${'x'.repeat(4_000_000)}"}`,
        ]
        const answers: Answer[] = []
        const worst = await worstWait(target, async () => {
          for (const text of hostile) answers.push(await post(text))
        })
        return verdict(
          {
            'all are refused': answers.every(({ status }) => [0, 400, 413, 422].includes(status)),
            'others wait shortly': worst < SHORT_MS,
          },
          seen(answers, worst),
        )
      },
    },
    {
      name: 'NUL, halves of pairs and numbers without measure are no fault of the server',
      async run(stage) {
        const target = await startTarget(stage)
        const id = await project(target)
        const post = (path: string, json: unknown) => target.own(path, { method: 'POST', json })
        const answers = await Promise.all([
          post('/runs', { project_id: id, goal: 'a\0b\ud800', metadata: { 'k\0': '\udc00' } }),
          post('/projects', { name: 'n\0', local_path: '/\0' }),
          post('/runs', { project_id: id, goal: 'x', options: { budget: 1e308 } }),
          post('/runs', { project_id: id, goal: 'x', priority: 2 ** 53 }),
          ...[
            '/runs/%00',
            '/runs?text=%00',
            '/api/v1/tasks?role=%00',
            '/projects?name=%00%ff',
            '/events?after=9007199254740991',
            '/runs/x/artifacts/%00',
          ].map(path => target.own(path)),
        ])
        return verdict({ 'no fault': answers.every(({ status }) => status > 0 && status < 500) }, seen(answers, 0))
      },
    },
    {
      name: '160 events of 4 MB, and of as much as a request may hold, hold up nobody',
      async run(stage) {
        const target = await startTarget(stage)
        const { tell, events } = await held(target, await project(target))
        const answers: Answer[] = []
        const worst = await worstWait(target, async () => {
          for (const bytes of [4_000_000, 1_000_000])
            for (let i = 0; i < 80; i++) answers.push(await tell({ seq: i + 1, type: 'agent_text', text: 'x'.repeat(bytes) }))
          await Promise.all(Array.from({ length: 10 }, () => target.own('/events?limit=1000')))
        })
        const largest = Math.max(...(await events()).map(event => JSON.stringify(event).length))
        return verdict(
          {
            'none is a fault': answers.every(({ status }) => status < 500),
            'an event is cut': largest < 70_000,
            'others wait shortly': worst < BESIDE_MEGABYTES_MS,
          },
          `${seen(answers, worst)}, the largest event has ${largest} characters`,
        )
      },
    },
    {
      name: 'a run takes no harm from numbers without measure, nor from a NUL in the last words of its agent',
      async run(stage) {
        const target = await startTarget(stage)
        const { tell, end, now, events } = await held(target, await project(target))
        const spent = (costUsd: number) => ({
          ...{ type: 'attempt_ended', end: { costUsd, tokens: { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 } } },
        })
        const refused = await tell({ seq: 2 ** 53 - 1, type: 'agent_text', text: 'x' })
        await tell({ type: 'agent_text', text: 'later' }, spent(1e308), spent(1e308), spent(2), {
          ...{ type: 'attempt_started', attempt: 2 ** 53 - 1, sessionId: 's', model: 'm' },
        })
        const run = await now()
        const texts = (await events()).filter(({ data }) => data.type === 'agent_text')
        const ended = await end('done\0 \ud800')
        const after = await now()
        return verdict(
          {
            'such a number is refused': refused.status === 422,
            'later events are kept': texts.length === 1,
            'the cost is a number': run.cost_usd === 2,
            'the attempt is one': run.current_iteration < 2 ** 31,
            'the run ends': ended.json?.result === 'reported' && after.status === 'COMPLETED',
          },
          `${refused.status}, cost ${run.cost_usd}, attempt ${run.current_iteration}, ${after.status}`,
        )
      },
    },
    {
      name: 'a customer that fills its storage is refused more, while its runs end and others go on',
      async run(stage) {
        const keys = ['acme', 'other'].map(name => ['keys', 'create', '--kind', 'admin', '--customer', name])
        const [acme, other] = [(await stage.runner(keys[0]!)).stdout.trim(), (await stage.runner(keys[1]!)).stdout.trim()]
        const target = await startTarget(stage, ['--storage-quota', '1'])
        const as = (key: string): Target => ({ ...target, own: (path, asked) => target.ask(path, { key, ...asked }) })
        const [mine, theirs] = [await project(as(acme)), await project(as(other))]
        const run = await held(as(acme), mine)
        const create = (key: string, id: string) =>
          target.ask('/runs', { key, method: 'POST', json: { project_id: id, goal: 'x'.repeat(199_000) } })
        let last = await create(acme, mine)
        for (let i = 0; i < 20 && last.status === 201; i++) last = await create(acme, mine)
        const uploaded = await run.upload('x')
        const told = await run.tell({ type: 'agent_text', text: 'x'.repeat(60_000) })
        const ended = await run.end('n'.repeat(100_000))
        const elsewhere = await create(other, theirs)
        return verdict(
          {
            'more is refused': last.status === 409 && last.json.type.endsWith('storage-full') && uploaded.status === 409,
            'what is told is left out': told.status === 200 && told.json.left_out === 1,
            'the run ends': ended.json?.result === 'reported',
            'others go on': elsewhere.status === 201,
          },
          `${last.status}, ${uploaded.status}, left out ${told.json?.left_out}, ${ended.json?.result}, ${elsewhere.status}`,
        )
      },
    },
    {
      name: 'a project file of 3 MB of brackets ends a start at once',
      async run(stage) {
        stage.write('repo/agent-runner.yaml', '['.repeat(3_000_000))
        const large = await stage.single(['--dry-run'])
        stage.write('repo/agent-runner.yaml', '['.repeat(60_000))
        const deep = await stage.single(['--dry-run'])
        return verdict(
          { 'both are refused': large.code === 78 && deep.code === 78, 'at once': large.ms < 10_000 && deep.ms < 10_000 },
          `exit ${large.code} after ${large.ms.toFixed(0)} ms, ${deep.code} after ${deep.ms.toFixed(0)} ms`,
        )
      },
    },
  ],
}
