import { readFileSync } from 'node:fs'
import { ownersKeyFile } from '../../src/machine/files/owners-key.ts'
import { waitFor } from './wait-for.ts'

/** The header that the owner of a server sends, from the file that the server keeps in its state folder. */
export function ownersHeader(keyFile: string): Record<string, string> {
  const [name = '', value = ''] = readFileSync(keyFile, 'utf8').trim().split(': ')
  return { [name.toLowerCase()]: value }
}

/** The same of the server of a state folder that listens at this URL. */
export const ownersHeaderAt = (home: string, url: string) => ownersHeader(ownersKeyFile(home, new URL(url).host))

/** What a person or program does with the public API of a server, which may be away for a moment. `headers` are asked for at each call. */
export function apiClient(url: string, headers: () => Record<string, string> = () => ({})) {
  async function call(method: string, path: string, json?: unknown) {
    const answer = await fetch(url + path, {
      method,
      headers: { ...headers(), ...(json !== undefined && { 'content-type': 'application/json' }) },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
    const text = await answer.text()
    // biome-ignore lint/suspicious/noExplicitAny: tests look into it and fail by themselves.
    const body = (text === '' ? null : JSON.parse(text)) as any
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return body
  }
  const get = (path: string) => call('GET', path)
  const post = (path: string, json?: unknown) => call('POST', path, json)
  return {
    get,
    post,
    /** Waits until the server answers. */
    ready: () =>
      waitFor('the server answers', () =>
        get('/workers').then(
          () => true,
          () => false,
        ),
      ),
    /** All events of a run, oldest first. */
    async events(runId: string) {
      const all = []
      for (let after = 0; ; ) {
        const page = await get(`/runs/${runId}/events?after=${after}&limit=500`)
        if (page.length === 0) return all
        all.push(...page)
        after = page.at(-1).cursor
      }
    },
    /** Waits until a run has a status. */
    status: (runId: string, status: string) =>
      waitFor(`${runId} is ${status}`, async () => (await get(`/runs/${runId}`)).status === status),
  }
}
