export interface Clock {
  /** Epoch milliseconds by the wall clock: only for what people read. */
  now(): number
  /** Milliseconds since boot, suspend included: for every deadline and duration. */
  uptime(): number
  /** The id of this boot: what was noted on `uptime` means nothing in another one. */
  boot(): string
  /** Resolves after that many milliseconds (any size), or rejects at once when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
