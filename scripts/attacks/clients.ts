import { type Part, verdict } from './frame.ts'
import type { Stage } from './stage.ts'

// biome-ignore lint/suspicious/noExplicitAny: attacks look into it and fail by themselves.
type Call = (method: string, path: string, json?: unknown) => Promise<{ status: number; body: any }>

/** A server of this stage, as its owner calls it. */
async function served(stage: Stage, ...flags: string[]): Promise<Call> {
  const server = stage.start(['server', '--port', '0', '--json', ...flags])
  const [line] = await server.until(/^\{.*\}$/m)
  const { url, key_file } = JSON.parse(line) as { url: string; key_file: string }
  const { readFileSync } = await import('node:fs')
  const [name = '', key = ''] = readFileSync(key_file, 'utf8').trim().split(': ')
  return async (method, path, json) => {
    const answer = await fetch(url + path, {
      method,
      headers: { [name]: key, ...(json !== undefined && { 'content-type': 'application/json' }) },
      body: json === undefined ? null : JSON.stringify(json),
    })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) }
  }
}

/** What consoles, scripts and workers of other control planes send. */
export const clients: Part = {
  name: 'clients',
  attacks: [
    {
      name: 'a run by query form, with null fields, as a workflow without steps, in the default project',
      async run(stage) {
        const call = await served(stage)
        await call('POST', '/projects?name=default&local_path=/srv/shop')
        const form = await call('POST', '/runs?goal=Fix+it&run_type=workflow')
        const nulls = await call('POST', '/runs', { goal: 'Fix it', name: null, options: null, metadata: null, steps: null })
        const [event] = (await call('GET', `/runs/${form.body.id}/events?after_id=0`)).body
        return verdict(
          {
            'the form made a run': form.status === 201 && form.body.steps?.[0]?.goal === 'Fix it',
            'nulls count as left out': nulls.status === 201,
            'an event has the other names': event?.id === event?.cursor && event?.payload !== undefined && event?.message !== '',
          },
          `${form.status}, ${nulls.status}, ${event?.message}`,
        )
      },
    },
    {
      name: 'a mistyped query key takes the whole list for an answer',
      async run(stage) {
        const call = await served(stage)
        const seen = await call('GET', '/runs?stauts=QUEUED')
        return verdict({ 'it is refused by name': seen.status === 422 && seen.body.detail.includes('stauts') }, `${seen.status}`)
      },
    },
    {
      name: 'a worker without names polls, logs lines and says success',
      async run(stage) {
        const call = await served(stage)
        await call('POST', '/projects', { name: 'shop', local_path: '/srv/shop' })
        const { id } = (await call('POST', '/api/v1/tasks', { description: 'Fix it' })).body
        const taken = await call('GET', '/api/v1/tasks/poll')
        const other = await call('GET', '/api/v1/tasks/poll?wait=0')
        const logged = await call('POST', `/api/v1/tasks/${id}/logs`, { logs: ['one', 'two'] })
        const ended = await call('POST', `/api/v1/tasks/${id}/complete`, { success: true })
        const { status } = (await call('GET', `/api/v1/tasks/${id}`)).body
        return verdict(
          {
            'it got the task': taken.body?.task.id === id,
            'nobody else got it': other.status === 204,
            'its lines are kept': logged.status === 200,
            'the task is done': ended.body?.result === 'reported' && status === 'dev_done',
          },
          status,
        )
      },
    },
    {
      name: "an application's DATABASE_URL gets our tables",
      async run(stage) {
        stage.env.DATABASE_URL = `sqlite:///${stage.folder}/app.db`
        const server = stage.start(['server', '--port', '0'])
        await server.until(/DATABASE_URL is not used/)
        await server.until(/database: .*agent-runner\.db/)
        return verdict({ 'it is said, and ours is used': true }, 'said')
      },
    },
  ],
}
