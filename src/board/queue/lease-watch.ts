/** A lease as it stands in the database. `until` in epoch milliseconds by the database's clock. */
export interface SeenLease {
  id: string
  epoch: number
  until: number
}

/** All leases at one moment, with what the database's clock showed then. */
export interface LeaseLook {
  now: number
  leases: SeenLease[]
}

/** A clock that differs by this much from the expected time has been set. Milliseconds. */
const SET_MS = 1_000

/**
 * Judges which leases are over, for one process that looks at them again and again. It measures time here, on a clock that nobody can
 * set. The time in the database only says how much of a lease was left when it was first seen, and only as long as its clock keeps in
 * step with ours. After the first look, a clock that was set, or a standstill of this process or machine, every lease gets its whole time
 * again: its holder may have been unable to renew it.
 */
export class LeaseWatch {
  readonly #leaseMs: number
  readonly #now: () => number
  /** For each run: the lease as it was seen, and until when it holds on our clock. */
  #held = new Map<string, SeenLease & { deadline: number }>()
  #last: { at: number; offset: number } | null = null

  constructor(leaseMs: number, now: () => number = () => performance.now()) {
    this.#leaseMs = leaseMs
    this.#now = now
  }

  /** Nobody was listened to until now, so every lease has its whole time from the next look on. */
  forget(): void {
    this.#last = null
  }

  /** Looks, and returns the leases that are over. Compare each again before doing anything to its run. */
  async look(read: () => Promise<LeaseLook>): Promise<SeenLease[]> {
    const before = this.#now()
    const { now, leases } = await read()
    const at = this.#now()
    const isSteady = this.#isSteady(at, now - at, at - before)
    this.#last = { at, offset: now - at }
    const held = new Map<string, SeenLease & { deadline: number }>()
    for (const lease of leases) {
      const known = this.#held.get(lease.id)
      const isSame = known?.epoch === lease.epoch && known.until === lease.until
      const left = isSteady ? Math.min(Math.max(lease.until - now, 0), this.#leaseMs) : this.#leaseMs
      held.set(lease.id, isSteady && isSame ? known : { ...lease, deadline: at + left })
    }
    this.#held = held
    return [...held.values()].filter(({ deadline }) => deadline <= at)
  }

  /** Whether this process has looked all the time, and the database's clock has gone on as ours has. */
  #isSteady(at: number, offset: number, took: number): boolean {
    if (!this.#last) return false
    const away = Math.max(this.#leaseMs / 3, SET_MS)
    return at - this.#last.at <= away && Math.abs(offset - this.#last.offset) <= SET_MS + took
  }
}

/** How often leases are to be looked at, in milliseconds. */
export const lookEveryMs = (leaseMs: number) => Math.min(5_000, Math.max(20, leaseMs / 18))
