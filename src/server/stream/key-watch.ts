/** How long after its revocation a key may still be listened with, in milliseconds. */
const LOOK_MS = 2_000

/**
 * Ends long responses that were opened with a key soon after the key was revoked. One query serves all of them; there is none while
 * nothing is open.
 */
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

  /** Calls `end` when the key is no longer good. Returns a function that stops watching. */
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
    // Responses that are opened during the query wait for the next one.
    const asked = [...this.#open]
    const good = await this.#goodOf([...new Set(asked.map(([, keyId]) => keyId))])
    for (const [end, keyId] of asked) if (!good.has(keyId)) end()
  }
}
