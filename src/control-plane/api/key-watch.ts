/** How long after its revocation a key may still be listened with, in milliseconds. */
const LOOK_MS = 2_000

/** Ends what was opened with a key and goes on for long, soon after the key was revoked. One question for all of them; none while nothing is open. */
export class KeyWatch {
  readonly #goodOf: (keyIds: string[]) => Promise<ReadonlySet<string>>
  readonly #onFault: (error: unknown) => void
  readonly #open = new Map<() => void, string>()
  #timer: NodeJS.Timeout | undefined

  /** `goodOf` answers which of some keys still open something. */
  constructor(goodOf: (keyIds: string[]) => Promise<ReadonlySet<string>>, onFault: (error: unknown) => void) {
    this.#goodOf = goodOf
    this.#onFault = onFault
  }

  /** Calls `end` when the key is no good any more. Answers how to let go. */
  watch(keyId: string, end: () => void): () => void {
    this.#open.set(end, keyId)
    this.#timer ??= setInterval(() => void this.#look().catch(this.#onFault), LOOK_MS)
    return () => {
      this.#open.delete(end)
      if (this.#open.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  async #look(): Promise<void> {
    // What is opened while it is asked is for the next look.
    const asked = [...this.#open]
    const good = await this.#goodOf([...new Set(asked.map(([, keyId]) => keyId))])
    for (const [end, keyId] of asked) if (!good.has(keyId)) end()
  }
}
