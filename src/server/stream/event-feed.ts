import { setTimeout as delay } from 'node:timers/promises'
import type { WireEvent } from '../../contract/event.ts'
import { frame, KEEP_ALIVE, type SseResponse } from './sse.ts'

/** Where the feed reads from. */
export interface EventSource {
  /**
   * Events after a cursor in the order of cursors, those of one run or of all, at most so many and as much as a page holds. `next`: all up to
   * there was read, and there is more; null: read to the end. A cursor that was read once is never followed by a smaller one.
   */
  read(after: number, limit: number, runId: string | null): Promise<{ events: WireEvent[]; next: number | null }>
  /** The cursor of the newest event; 0 when there is none. */
  newest(): Promise<number>
  /** A text that differs after anything changed. */
  mark(): string
  /** Resolves as soon as the mark is another one than `since`, or after `ms`. Throws when the signal fires. */
  changed(since: string, ms: number, signal: AbortSignal): Promise<boolean>
}

/** What a subscriber wants to hear. */
export interface Subscription {
  /** The last cursor that it has; null for: from now on. */
  after: number | null
  /** Null for all runs. */
  runId: string | null
  wants(event: WireEvent): boolean
}

interface Listener {
  sse: SseResponse
  subscription: Subscription
  /** Everything up to here was told. */
  cursor: number
}

interface Told {
  event: WireEvent
  text: string
}

const PAGE = 500
const MOST_RECENT = 1_000
const MOST_RECENT_CHARACTERS = 4_000_000
const KEEP_ALIVE_MS = 15_000
/** The feed reads this often even without a sign of change. */
const LOOK_AGAIN_MS = 30_000
const AFTER_FAULT_MS = 1_000

/**
 * One reader of the timeline for any number of subscribers. A subscriber first catches up by pages of its own and then joins the others exactly
 * where the reader stands, so nothing is lost or told twice. While nobody listens nothing is read.
 */
export class EventFeed {
  readonly #source: EventSource
  readonly #onFault: (error: unknown) => void
  readonly #keepAliveMs: number
  readonly #open = new Set<SseResponse>()
  readonly #listeners = new Set<Listener>()
  /** All events up to here were told to the listeners. */
  #head = 0
  /** The newest of them, for who joins: every event after `#recentFrom`, oldest first. */
  #recent: Told[] = []
  #recentFrom = 0
  #recentCharacters = 0
  #started: Promise<void> | null = null
  #stopped = new AbortController()
  #keepAlive: NodeJS.Timeout | undefined
  #closed = false

  /** A comment comes every `keepAliveMs`, so that no proxy takes a quiet stream for a dead one. */
  constructor(source: EventSource, onFault: (error: unknown) => void, keepAliveMs = KEEP_ALIVE_MS) {
    this.#source = source
    this.#keepAliveMs = keepAliveMs
    this.#onFault = onFault
  }

  /** How many listen now. */
  get subscribers(): number {
    return this.#open.size
  }

  /** Tells a subscriber everything from where it stands, as long as it listens. Resolves when it no longer does. */
  async serve(sse: SseResponse, subscription: Subscription): Promise<void> {
    if (this.#closed) return sse.end()
    this.#open.add(sse)
    let listener: Listener | null = null
    try {
      this.#started ??= this.#start()
      await this.#started
      listener = { sse, subscription, cursor: subscription.after ?? this.#head }
      await this.#catchUp(listener)
      await sse.closed
    } finally {
      if (listener) this.#listeners.delete(listener)
      this.#open.delete(sse)
      if (this.#open.size === 0) this.#stop()
    }
  }

  /** Ends all streams; their readers come back with `Last-Event-ID`. */
  close(): void {
    this.#closed = true
    for (const sse of this.#open) sse.end()
    this.#stop()
  }

  async #start(): Promise<void> {
    this.#stopped = new AbortController()
    const { signal } = this.#stopped
    this.#keepAlive = setInterval(() => {
      for (const sse of this.#open) sse.write(KEEP_ALIVE)
    }, this.#keepAliveMs)
    try {
      const newest = await this.#source.newest()
      if (signal.aborted) return
      this.#head = this.#recentFrom = newest
    } catch (error) {
      this.#stop()
      throw error
    }
    void this.#follow(signal)
  }

  #stop(): void {
    this.#stopped.abort()
    clearInterval(this.#keepAlive)
    this.#started = null
    this.#recent = []
    this.#recentCharacters = 0
  }

  async #catchUp(listener: Listener): Promise<void> {
    while (!listener.sse.ended) {
      if (listener.cursor >= this.#recentFrom) {
        // Nothing waits between here and the joining, so nothing can come in between.
        for (const told of this.#recent) this.#tell(listener, told)
        this.#listeners.add(listener)
        return
      }
      const head = this.#head
      const { events, next } = await this.#source.read(listener.cursor, PAGE, listener.subscription.runId)
      for (const event of events) this.#tell(listener, { event, text: textOf(event) })
      // The end, when it was read to that, lay where the reader stood before or beyond.
      listener.cursor = Math.max(listener.cursor, next ?? head)
      await listener.sse.drained()
    }
  }

  /** Reads what is new and tells it to all, until nobody listens. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        // Take the mark first, then look: a change in between makes it look again.
        const mark = this.#source.mark()
        const { events, next } = await this.#source.read(this.#head, PAGE, null)
        if (signal.aborted) return
        for (const event of events) this.#tellAll(event)
        this.#head = Math.max(this.#head, next ?? 0)
        if (next === null) await this.#source.changed(mark, LOOK_AGAIN_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        this.#onFault(error)
        await delay(AFTER_FAULT_MS, undefined, { signal }).catch(() => {})
      }
    }
  }

  #tellAll(event: WireEvent): void {
    const told = { event, text: textOf(event) }
    this.#head = event.cursor
    this.#recent.push(told)
    this.#recentCharacters += told.text.length
    while (this.#recent.length > MOST_RECENT || this.#recentCharacters > MOST_RECENT_CHARACTERS) {
      const oldest = this.#recent.shift()!
      this.#recentFrom = oldest.event.cursor
      this.#recentCharacters -= oldest.text.length
    }
    for (const listener of this.#listeners) this.#tell(listener, told)
  }

  #tell(listener: Listener, { event, text }: Told): void {
    const { runId, wants } = listener.subscription
    if (event.cursor <= listener.cursor) return
    listener.cursor = event.cursor
    if ((runId === null || event.run_id === runId) && wants(event)) listener.sse.write(text)
  }
}

/** One such feed per customer who listens, so that a stream costs what its own customer tells, and reads nothing of others. */
export class EventFeeds {
  readonly #open = new Map<string | null, EventFeed>()
  readonly #feedOf: (customer: string | null) => EventFeed
  #closed = false

  constructor(feedOf: (customer: string | null) => EventFeed) {
    this.#feedOf = feedOf
  }

  /** How many listen now. */
  get subscribers(): number {
    return [...this.#open.values()].reduce((sum, feed) => sum + feed.subscribers, 0)
  }

  /** As long as it listens; a subscriber of null hears all customers. */
  async serve(customer: string | null, sse: SseResponse, subscription: Subscription): Promise<void> {
    if (this.#closed) return sse.end()
    const feed = this.#open.get(customer) ?? this.#feedOf(customer)
    this.#open.set(customer, feed)
    try {
      await feed.serve(sse, subscription)
    } finally {
      if (feed.subscribers === 0 && this.#open.get(customer) === feed) this.#open.delete(customer)
    }
  }

  close(): void {
    this.#closed = true
    for (const feed of this.#open.values()) feed.close()
  }
}

const textOf = (event: WireEvent) => frame(event.cursor, event)
