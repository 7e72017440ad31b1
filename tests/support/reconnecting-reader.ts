import { setTimeout as delay } from 'node:timers/promises'
import { type Message, openStream } from '../server/sse-client.ts'

/** Reads the stream of all events over connections that break at random, and goes on each time where it was. */
export function reconnectingReader(url: string) {
  const messages: Message[] = []
  let open = true
  let connections = 0
  const reading = (async () => {
    while (open) {
      const last = messages.at(-1)?.id
      try {
        const stream = await openStream(`${url}/events/stream`, { 'last-event-id': String(last ?? 0) })
        connections++
        const until = performance.now() + 100 + Math.random() * 1_500
        while (open && performance.now() < until && !(await Promise.race([stream.closed.then(() => true), delay(50, false)])));
        stream.leave()
        await stream.closed
        messages.push(...stream.messages)
      } catch {
        await delay(100)
      }
    }
  })()
  return {
    messages,
    connections: () => connections,
    async stop() {
      open = false
      await reading
    },
  }
}
