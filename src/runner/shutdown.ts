/**
 * How far the runner has been asked to end. Three requests in a row: finish the task and take no more; stop the agent and
 * keep the task; leave at once. Detaching leaves at once too, but on purpose: the agents live on and are adopted later.
 */
export class Stops {
  readonly #drain = new AbortController()
  readonly #stop = new AbortController()
  readonly #detach = new AbortController()

  /** Fires when no further task is to be taken. */
  readonly draining: AbortSignal = this.#drain.signal
  /** Fires when the agent is to be stopped and the task kept. */
  readonly stopping: AbortSignal = this.#stop.signal
  /** Fires when the runner is to leave its agents to the next one. */
  readonly detaching: AbortSignal = this.#detach.signal
  /** Fires when nothing may be waited for any longer, whatever the reason. */
  readonly leaving: AbortSignal = AbortSignal.any([this.#stop.signal, this.#detach.signal])

  /** One more request to end. Returns what it means: `drain`, `stop`, or `leave` when the caller must exit at once. */
  request(): 'drain' | 'stop' | 'leave' {
    if (!this.draining.aborted) {
      this.#drain.abort()
      return 'drain'
    }
    if (!this.stopping.aborted) {
      this.#stop.abort()
      return 'stop'
    }
    return 'leave'
  }

  /** Leave now and let the agents go on. */
  detach(): void {
    this.#drain.abort()
    this.#detach.abort()
  }
}
