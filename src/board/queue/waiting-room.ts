/** What a request waits for. */
export interface Concern {
  /** The kind of change that may bring it: `work CUSTOMER`, `wishes RUN`. */
  topic: string
  /** Requests of a topic that ask for exactly the same: what one of them does not find, the others would not find either. */
  group: string
}

/** A task that can be taken has come to the queue of this customer. */
export const workOf = (customer: string) => `work ${customer}`
/** Somebody wishes something of this run. */
export const wishesOf = (runId: string) => `wishes ${runId}`

interface Waiter {
  /** Looks; false when there was nothing. */
  serve(): Promise<boolean>
}

interface Topic {
  groups: Map<string, Set<Waiter>>
  /** How many are looking for the first time. */
  arriving: number
  stirs: number
  isServing: boolean
}

/**
 * The waiting requests. A change wakes only those of its topic. Of those that ask for the same, one looks, and others look only when it
 * has found something, twice as many each time. So a thousand requests that wait for the same cost one look.
 */
export class WaitingRoom {
  readonly #topics = new Map<string, Topic>()
  readonly #opened: () => void
  readonly #emptied: () => void

  /** Called when the first request comes, and when the last one has left. */
  constructor(opened: () => void = () => {}, emptied: () => void = () => {}) {
    this.#opened = opened
    this.#emptied = emptied
  }

  /** These topics have changed; null when that is not known, so that all may have. */
  stir(topics: Iterable<string> | null): void {
    for (const name of topics ?? [...this.#topics.keys()]) {
      const topic = this.#topics.get(name)
      if (topic) void this.#serve(name, topic)
    }
  }

  /**
   * Looks, and looks again when there may be something, until there is or `ms` are over; null then, and after the signal. `look` takes
   * what it finds, so it is called only while somebody waits.
   */
  async wait<T>({ topic: name, group }: Concern, ms: number, signal: AbortSignal, look: () => Promise<T | null>): Promise<T | null> {
    if (signal.aborted) return null
    const until = performance.now() + ms
    const topic = this.#enter(name)
    const before = topic.stirs
    let found: T | null
    try {
      found = await look()
    } finally {
      topic.arriving--
      this.#leave(name, topic)
    }
    const left = until - performance.now()
    if (found !== null || left <= 0 || signal.aborted) return found
    const waiting = this.#sleep({ topic: name, group }, left, signal, look)
    // A change that came during the look may be for this request.
    if (topic.stirs !== before) this.stir([name])
    return waiting
  }

  #sleep<T>({ topic: name, group }: Concern, ms: number, signal: AbortSignal, look: () => Promise<T | null>): Promise<T | null> {
    const topic = this.#enter(name)
    topic.arriving--
    const waiters = topic.groups.get(group) ?? new Set()
    topic.groups.set(group, waiters)
    const { promise, resolve, reject } = Promise.withResolvers<T | null>()
    let looking: Promise<unknown> | null = null
    const leave = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      waiters.delete(waiter)
      if (waiters.size === 0 && topic.groups.get(group) === waiters) topic.groups.delete(group)
      this.#leave(name, topic)
    }
    const end = () => {
      leave()
      // A task that is just being taken for it is still its own.
      if (looking === null) resolve(null)
      else void looking.finally(() => resolve(null))
    }
    const waiter: Waiter = {
      async serve() {
        const asked = look()
        looking = asked.catch(() => {})
        try {
          const found = await asked
          if (found === null) return false
          leave()
          resolve(found)
        } catch (error) {
          leave()
          reject(error)
        } finally {
          looking = null
        }
        return true
      },
    }
    const timer = setTimeout(end, Math.min(ms, 2 ** 31 - 1))
    signal.addEventListener('abort', end)
    waiters.add(waiter)
    return promise
  }

  /** One round at a time; what changes meanwhile is another one. */
  async #serve(name: string, topic: Topic): Promise<void> {
    topic.stirs++
    if (topic.isServing) return
    topic.isServing = true
    for (let seen = -1; seen !== topic.stirs; ) {
      seen = topic.stirs
      for (const waiters of [...topic.groups.values()]) await serveGroup(waiters)
    }
    topic.isServing = false
    this.#leave(name, topic)
  }

  #enter(name: string): Topic {
    const topic = this.#topics.get(name) ?? { groups: new Map(), arriving: 0, stirs: 0, isServing: false }
    if (this.#topics.size === 0) this.#opened()
    this.#topics.set(name, topic)
    topic.arriving++
    return topic
  }

  #leave(name: string, topic: Topic): void {
    if (topic.arriving > 0 || topic.groups.size > 0 || topic.isServing) return
    if (this.#topics.delete(name) && this.#topics.size === 0) this.#emptied()
  }
}

async function serveGroup(waiters: Set<Waiter>): Promise<void> {
  for (let many = 1; waiters.size > 0; many *= 2) {
    const served = await Promise.all([...waiters].slice(0, many).map(waiter => waiter.serve()))
    if (served.includes(false)) return
  }
}
