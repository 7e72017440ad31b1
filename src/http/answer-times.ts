import type { AnswerTimes } from '../core/ports/tracker.ts'

/** Measures how long a server takes to answer. Requests that wait for something to happen do not count. */
export class AnswerClock {
  #requests = 0
  #failed = 0
  #totalMs = 0
  #mostMs = 0

  /** Times one request; one that throws has failed. */
  async time<T>(request: () => Promise<T>): Promise<T> {
    const began = performance.now()
    this.#requests++
    try {
      return await request()
    } catch (failure) {
      this.#failed++
      throw failure
    } finally {
      const ms = performance.now() - began
      this.#totalMs += ms
      this.#mostMs = Math.max(this.#mostMs, ms)
    }
  }

  /** The counts since the last call. */
  take(): AnswerTimes {
    const requests = this.#requests
    const meanMs = requests === 0 ? 0 : Math.round(this.#totalMs / requests)
    const taken = { requests, failed: this.#failed, meanMs, mostMs: Math.round(this.#mostMs) }
    this.#requests = this.#failed = this.#totalMs = this.#mostMs = 0
    return taken
  }
}
