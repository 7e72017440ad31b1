import type { ServerResponse } from 'node:http'

/** A subscriber that has this many bytes unread is dropped: it can come back with `Last-Event-ID`, and the others are not held up by it. */
const MOST_UNREAD = 1024 * 1024

/** And one that has read nothing for so long, in milliseconds; a comment comes every 15 s, so it is noticed. */
const STALLED_MS = 60_000

/** One response as a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export class SseResponse {
  readonly #response: ServerResponse
  readonly #patience: { unread: number; stalledMs: number }
  /** Resolves when nobody listens any more. */
  readonly closed: Promise<void>
  #ended = false
  /** Since when nothing was read; null while it goes on. */
  #stalledSince: number | null = null

  constructor(response: ServerResponse, headers: Record<string, string>, patience = { unread: MOST_UNREAD, stalledMs: STALLED_MS }) {
    this.#response = response
    this.#patience = patience
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    const end = () => {
      this.#ended = true
      resolve()
    }
    response
      .on('close', end)
      .on('error', end)
      .on('drain', () => {
        this.#stalledSince = null
      })
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    // Two seconds, about as long as a restart of the server takes.
    response.write('retry: 2000\n\n')
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Writes a frame or a comment. A listener that is too slow is dropped. */
  write(text: string): void {
    if (this.#ended) return
    if (this.#response.writableNeedDrain) this.#stalledSince ??= performance.now()
    const isStalled = this.#stalledSince !== null && performance.now() - this.#stalledSince > this.#patience.stalledMs
    if (isStalled || this.#response.writableLength > this.#patience.unread) this.drop()
    else this.#response.write(text)
  }

  /** Resolves when what was written has left, or nobody listens any more. */
  async drained(): Promise<void> {
    if (!this.#response.writableNeedDrain) return
    const drain = new Promise<void>(resolve => this.#response.once('drain', resolve))
    await Promise.race([drain, this.closed])
  }

  end(): void {
    this.#response.end()
  }

  /** Ends it at once; what is not read yet is lost. */
  drop(): void {
    this.#ended = true
    this.#response.destroy()
  }
}

/** An event as a plain message, its cursor as the id. JSON has no line breaks, so one `data:` line is enough. */
export const frame = (cursor: number, data: unknown) => `id: ${cursor}\ndata: ${JSON.stringify(data)}\n\n`

export const KEEP_ALIVE = ': keep-alive\n\n'
