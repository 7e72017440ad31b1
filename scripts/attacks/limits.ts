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

const project = async (target: Target): Promise<string> =>
  (await target.own('/projects', { method: 'POST', json: { name: 'shop', local_path: '/srv/shop' } })).json.id

const seen = (answers: Answer[], worst: number) =>
  `${[...new Set(answers.map(({ status }) => status))].join(' ')}, worst wait ${worst.toFixed(0)} ms`

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
          await target.own('/runs', { method: 'POST', json: { project_id: id, goal: `${i} ${'x'.repeat(199_000)}` } })
        const lists = ['/runs?limit=500', '/api/v1/tasks?limit=500', '/runs?limit=500&text=nothing', '/events?limit=1000']
        const answers: Answer[] = []
        const worst = await worstWait(target, async () => {
          answers.push(...(await Promise.all([...lists, ...lists].map(path => target.own(path)))))
        })
        return verdict(
          {
            'all are answered': answers.every(({ status }) => status === 200),
            'a page is small': answers.every(({ text }) => text.length < 3_000_000),
            'the next page is told': answers[0]!.headers.link !== undefined,
            'others wait shortly': worst < SHORT_MS,
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
