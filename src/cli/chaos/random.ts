/** Repeatable chance: the same seed gives the same choices in the same order. */
export interface Chance {
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number
  /** True in `share` of the calls (0 to 1). */
  happens(share: number): boolean
  pick<T>(choices: readonly T[]): T
  shuffled<T>(items: readonly T[]): T[]
}

/** Chance from a seed. The generator is mulberry32, which is small and good enough to choose by. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return {
    between,
    happens: share => next() < share,
    pick: choices => choices[between(0, choices.length - 1)]!,
    shuffled(items) {
      const mixed = [...items]
      for (let n = mixed.length - 1; n > 0; n--) {
        const other = between(0, n)
        ;[mixed[n], mixed[other]] = [mixed[other]!, mixed[n]!]
      }
      return mixed
    },
  }
}
