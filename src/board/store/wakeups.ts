import { RunnerError } from '../../core/errors.ts'

/** Those who wait for a change of a store. While there is one, and only then, the store's mark is asked every few milliseconds. */
export class Wakeups {
  readonly #mark: () => string
  readonly #everyMs: number | null
  readonly #waiting = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined

  /** `everyMs` null: nobody is asked, since every change is told by `wake`. */
  constructor(mark: () => string, everyMs: number | null) {
    this.#mark = mark
    this.#everyMs = everyMs
  }

  /** Lets all waiting requests look whether it was their change. */
  wake(): void {
    for (const look of [...this.#waiting]) look()
  }

  /** Resolves with true once the mark is another one than `since`, with false after `ms`. Throws ABORTED when the signal fires. */
  wait(since: string, ms: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.reject(new RunnerError('ABORTED', 'stopped'))
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        this.#waiting.delete(look)
        clearTimeout(timeout)
        signal.removeEventListener('abort', abort)
        if (this.#waiting.size === 0) clearInterval(this.#timer)
        settle()
      }
      const abort = () => end(() => reject(new RunnerError('ABORTED', 'stopped')))
      const look = () => {
        try {
          if (this.#mark() !== since) end(() => resolve(true))
        } catch (error) {
          end(() => reject(error))
        }
      }
      const timeout = setTimeout(() => end(() => resolve(false)), Math.min(ms, 2 ** 31 - 1))
      signal.addEventListener('abort', abort)
      if (this.#waiting.size === 0 && this.#everyMs !== null) this.#watch(this.#everyMs)
      this.#waiting.add(look)
      look()
    })
  }

  #watch(everyMs: number): void {
    let last = ''
    this.#timer = setInterval(() => {
      let mark = ''
      try {
        mark = this.#mark()
      } catch {
        // The waiting requests find out by themselves.
      }
      if (mark !== last || mark === '') this.wake()
      last = mark
    }, everyMs)
  }
}
