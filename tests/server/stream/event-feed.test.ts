import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { WireEvent } from '../../../src/contract/event.ts'
import { eventShape } from '../../../src/server/api/shapes.ts'
import { EventFeed, type EventSource } from '../../../src/server/stream/event-feed.ts'
import { SseResponse } from '../../../src/server/stream/sse.ts'
import { waitFor } from '../../support/wait-for.ts'
import { openStream } from '../sse-client.ts'

/** A timeline in memory that counts how often it is read. */
function timeline() {
  const events: WireEvent[] = []
  const waiting = new Set<() => void>()
  let reads = 0
  const source: EventSource = {
    async read(after, limit, runId) {
      reads++
      await turn()
      const left = events.filter(event => event.cursor > after && (runId === null || event.run_id === runId))
      const page = left.slice(0, limit)
      return { events: page, next: left.length > limit ? page.at(-1)!.cursor : null }
    },
    newest: async () => events.at(-1)?.cursor ?? 0,
    mark: () => String(events.length),
    changed: (since, ms, signal) =>
      new Promise((resolve, reject) => {
        const end = (changed: boolean) => {
          waiting.delete(look)
          clearTimeout(timer)
          resolve(changed)
        }
        const look = () => void (String(events.length) !== since && end(true))
        const timer = setTimeout(() => end(false), ms)
        signal.addEventListener('abort', () => {
          clearTimeout(timer)
          reject(new Error('aborted'))
        })
        waiting.add(look)
        look()
      }),
  }
  const add = (runId = 'run_1', text = '') => {
    // Cursors have gaps, as those of a database have.
    const cursor = (events.at(-1)?.cursor ?? 0) + 1 + Math.floor(Math.random() * 3)
    const at = new Date().toISOString()
    const row = { cursor, runId, projectId: 'prj_1', customer: '', seq: events.length + 1, type: 'LOG', at, data: { text } }
    const event = eventShape(row)
    events.push(event)
    for (const look of [...waiting]) look()
    return cursor
  }
  return { source, add, events, reads: () => reads }
}

/** A feed behind HTTP. `?after=` is where to begin, `?run=` one run. */
async function serve(source: EventSource, keepAliveMs?: number, patience?: { unread: number; stalledMs: number }) {
  const feed = new EventFeed(source, error => expect.unreachable(String(error)), keepAliveMs)
  const server = createServer((request, response) => {
    const query = new URL(request.url!, 'http://x').searchParams
    const after = request.headers['last-event-id'] ?? query.get('after')
    const subscription = {
      after: after == null ? null : Number(after),
      runId: query.get('run'),
      wants: ({ run_id }: WireEvent) => run_id !== 'run_9',
    }
    void feed.serve(new SseResponse(response, {}, patience), subscription)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    feed.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  return { feed, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

test('a reader that comes back at random with Last-Event-ID gets every event once and in order, while others write', async () => {
  const { source, add, events } = timeline()
  const { url } = await serve(source)
  for (let i = 0; i < 1_200; i++) add(`run_${i % 3}`)
  const TOTAL = 6_000
  let writing = true
  const writer = (async () => {
    while (events.length < TOTAL) {
      for (let i = Math.random() * 10; i > 0; i--) add(`run_${events.length % 3}`)
      await turn()
    }
    writing = false
  })()
  const reader = async (run: string | null) => {
    const got: number[] = []
    let returns = 0
    const all = () => events.filter(event => run === null || event.run_id === run).map(event => event.cursor)
    while (writing || got.length < all().length) {
      const stream = await openStream(
        `${url}?after=0${run ? `&run=${run}` : ''}`,
        got.length > 0 ? { 'last-event-id': String(got.at(-1)) } : {},
      )
      const enough = 1 + Math.random() * 250
      await waitFor(
        'some events',
        () => stream.messages.length >= enough || (!writing && got.length + stream.messages.length >= all().length),
      )
      stream.leave()
      got.push(...stream.messages.map(({ id }) => id))
      returns++
    }
    expect(got).toEqual(all())
    expect(returns).toBeGreaterThan(3)
  }
  await Promise.all([reader(null), reader(null), reader('run_1'), reader('run_2'), writer])
})

test('200 who listen cost one reading, and hear the same', async () => {
  const { source, add, reads } = timeline()
  const { feed, url } = await serve(source)
  const streams = await Promise.all(Array.from({ length: 200 }, () => openStream(url)))
  await waitFor('all to be heard', () => feed.subscribers === 200)
  const before = reads()
  for (let i = 0; i < 20; i++) {
    add()
    await turn()
  }
  await waitFor('all to have heard', () => streams.every(({ messages }) => messages.length === 20))
  expect(reads() - before).toBeLessThan(45)
  const heard = new Set(streams.map(({ messages }) => JSON.stringify(messages)))
  expect(heard.size).toBe(1)
})

test('nobody hears what is not meant for him', async () => {
  const { source, add } = timeline()
  const { url } = await serve(source)
  add('run_9')
  const stream = await openStream(`${url}?after=0`)
  add('run_9')
  const mine = add('run_1')
  await waitFor('the event', () => stream.messages.length > 0)
  expect(stream.messages.map(({ id }) => id)).toEqual([mine])
})

test('without a place to begin a reader hears from now on', async () => {
  const { source, add } = timeline()
  add()
  const { feed, url } = await serve(source)
  const stream = await openStream(url)
  await waitFor('the subscription', () => feed.subscribers === 1)
  await turn()
  await turn()
  const cursor = add()
  await waitFor('the event', () => stream.messages.length > 0)
  expect(stream.messages.map(({ id }) => id)).toEqual([cursor])
})

test('a reader that hangs is dropped and holds nobody up', async () => {
  const { source, add } = timeline()
  const { feed, url } = await serve(source)
  const [slow, quick] = await Promise.all([openStream(`${url}?after=0`), openStream(`${url}?after=0`)])
  await waitFor('both', () => feed.subscribers === 2)
  slow.stall()
  let added = 0
  await waitFor('the slow one to be dropped', async () => {
    for (let i = 0; i < 20; i++, added++) add('run_1', 'x'.repeat(20_000))
    return feed.subscribers === 1
  })
  await waitFor('the quick one to have all', () => quick.messages.length === added)
})

test('who reads nothing for long is dropped too, however little there is to read', async () => {
  const { source, add } = timeline()
  const { feed, url } = await serve(source, 10, { unread: Number.POSITIVE_INFINITY, stalledMs: 200 })
  const [slow, quick] = await Promise.all([openStream(`${url}?after=0`), openStream(`${url}?after=0`)])
  await waitFor('both', () => feed.subscribers === 2)
  slow.stall()
  let added = 0
  // Until the system keeps no more for it.
  await waitFor('the slow one to be dropped', async () => {
    add('run_1', 'x'.repeat(100_000))
    added++
    return feed.subscribers === 1
  })
  await waitFor('the quick one to have all', () => quick.messages.length === added)
})

test('the end of the server ends every stream, and nothing is read any more when nobody listens', async () => {
  const { source, add, reads } = timeline()
  const { feed, url } = await serve(source)
  const left = await openStream(url)
  await waitFor('the subscription', () => feed.subscribers === 1)
  left.leave()
  await waitFor('nobody', () => feed.subscribers === 0)
  const before = reads()
  add()
  await turn()
  expect(reads()).toBe(before)
  const stream = await openStream(url)
  await waitFor('the subscription', () => feed.subscribers === 1)
  feed.close()
  await stream.closed
  expect(feed.subscribers).toBe(0)
})

test('a quiet stream says now and then that it is alive', async () => {
  const { url } = await serve(timeline().source, 20)
  const stream = await openStream(url)
  await waitFor('comments', () => stream.comments.length >= 3)
  expect(new Set(stream.comments)).toEqual(new Set(['keep-alive']))
  expect(stream.messages).toEqual([])
})
