import { LIMITS } from '../../src/core/limits.ts'
import { type Part, verdict } from './frame.ts'
import { AFTER_TEN_PAGES, held, onBoth, project, type Row, SHORTLY, worstWait } from './limits-stage.ts'
import { type Answer, startTarget, type Target } from './server-stage.ts'

const seen = (answers: Answer[], worst: number) =>
  `${[...new Set(answers.map(({ status }) => status))].join(' ')}, others waited for ${worst.toFixed(1)} times usual work`

const ROWS: Row[] = [
  {
    name: 'lists of 500 runs with goals of 200 kB hold up nobody',
    async run({ target, id }) {
      for (let i = 0; i < 50; i++)
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
          'others wait shortly': worst < AFTER_TEN_PAGES,
        },
        seen(answers, worst),
      )
    },
  },
  {
    name: 'JSON that is very deep, very large or has very many values is refused before it is parsed',
    async run({ target, id }) {
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
          'others wait shortly': worst < SHORTLY,
        },
        seen(answers, worst),
      )
    },
  },
  {
    name: 'NUL, halves of pairs and numbers without measure are no fault of the server',
    async run({ target, id }) {
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
    async run({ target, id }) {
      const { tell, events } = await held(target, id)
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
          'others wait shortly': worst < AFTER_TEN_PAGES,
        },
        `${seen(answers, worst)}, the largest event has ${largest} characters`,
      )
    },
  },
  {
    name: 'a run takes no harm from numbers without measure, nor from a NUL in the last words of its agent',
    async run({ target, id }) {
      const { tell, end, now, events } = await held(target, id)
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
    name: 'a body of as many names, values or texts as it may have holds up nobody, and more is refused',
    async run({ target, id }) {
      const many = (n: number) => Array.from({ length: n }, (_, i) => i)
      const keys = (n: number) => Object.fromEntries(many(n).map(i => [`key ${i}`, i]))
      const send = (more: object) => target.own('/runs', { method: 'POST', json: { project_id: id, goal: 'x', ...more } })
      const most = LIMITS.jsonValues.most - 50
      const taken: Answer[] = []
      const refused: Answer[] = []
      const worst = await worstWait(target, async () => {
        for (const more of [keys(most / 2), { list: many(most) }, { list: many(most).map(n => `\0${n}`) }])
          taken.push(await send({ metadata: more }))
        taken.push(await send({ options: keys(most / 2) }))
        for (const more of [keys(most), { list: many(2 * most) }, { text: '\n'.repeat(300_000) }])
          refused.push(await send({ metadata: more }))
      })
      return verdict(
        {
          'what is within is taken': taken.every(({ status }) => status === 201),
          'what is beyond is refused': refused.every(({ status }) => status === 400 || status === 422),
          'others wait shortly': worst < SHORTLY,
        },
        seen([...taken, ...refused], worst),
      )
    },
  },
  {
    name: 'texts for which regular expressions take the square of their length hold up nobody',
    async run({ target, id }) {
      const { end, tell, upload } = await held(target, id)
      const post = (path: string, json: unknown) => target.own(path, { method: 'POST', json })
      const answers: Answer[] = []
      const worst = await worstWait(target, async () => {
        for (const text of [`x${' '.repeat(199_000)}y`, `x${'\t\n'.repeat(99_000)}y`, `@${'.'.repeat(199_000)}a`, '@a'.repeat(99_000)]) {
          answers.push(await post('/runs', { project_id: id, goal: text }))
          answers.push(await post('/api/v1/tasks', { project_id: id, description: text }))
        }
        answers.push(await tell({ type: 'agent_text', text: `x${' '.repeat(60_000)}y` }))
        answers.push(await upload('\0'.repeat(1_000_000)))
        answers.push(await end(`@${'.-'.repeat(99_000)}a`))
      })
      return verdict(
        { 'all are taken': answers.every(({ status }) => status < 300), 'others wait shortly': worst < SHORTLY },
        seen(answers, worst),
      )
    },
  },
  {
    name: 'what is wrong is said in few plain words, and a path or branch with a NUL is refused',
    async run({ target, id }) {
      const post = (path: string, body: string) =>
        target.own(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      const long = 'x'.repeat(9_000)
      const refused = await Promise.all([
        post('/projects', JSON.stringify({ name: 'a', local_path: '/srv/a\0b' })),
        ...[
          { branch: 'a\0b' },
          { model: 'a\0b' },
          { labels: 1 },
          { labels: Array(60).fill('x') },
          { priority: 1e308 },
          { steps: [] },
          { run_type: 1 },
        ].map(more => post('/runs', JSON.stringify({ project_id: id, goal: 'x', ...more }))),
        ...['{', '{"a":1,}', `{"a":${long}}`].map(body => post('/runs', body)),
        ...[`/runs/${long}`, `/${long}`, `/runs?${long}=1`].map(path => target.own(path)),
      ])
      const marked = await post('/projects', `\ufeff${JSON.stringify({ name: 'b', local_path: '/srv/b' })}`)
      const said = refused.map(({ text }) => text).join('\n')
      return verdict(
        {
          'all are refused': refused.every(({ status }) => status >= 400 && status < 500),
          'in our own words': !/Invalid |Too (?:big|small)|received |Unexpected/.test(said),
          'in few': refused.every(({ text }) => text.length < 1_200),
          'a byte order mark is passed over': marked.status === 201,
        },
        [...refused, marked].map(({ status }) => status).join(' '),
      )
    },
  },
]

/** What is too large, too deep, too many, or no text. */
export const limits: Part = {
  name: 'limits',
  attacks: [
    ...ROWS.flatMap(onBoth),
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
