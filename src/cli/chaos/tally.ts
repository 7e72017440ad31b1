import { PROMISES, type PromiseName } from './promises.ts'

/** Everything that a chaos run counts and measures. Times in milliseconds. */
export interface Tally {
  cases: number
  /** Faults that hit, and those that found the work over. */
  strikes: number
  missed: number
  /** How often each promise was checked, and how often it did not hold. */
  held: Record<PromiseName, { checked: number; failed: number }>
  recoveries: number[]
  /** Requests to the model that were made again although the supervisor lived. */
  askedAgain: number
  bytesLost: number
  /** The recovery of many unfinished runs; null when it was left out. */
  many: Many | null
}

/** The recovery of many unfinished runs, each of an agent id of its own. Milliseconds. */
export interface Many {
  runs: number
  /** The sum of the runners' work from their first words until their runs went on. */
  workMs: number
  /** From the first start until all ends were announced and tidied up, the starts of programs included. */
  wallMs: number
  /** How many runners worked at a time. */
  atOnce: number
}

export function newTally(): Tally {
  const names = Object.keys(PROMISES) as PromiseName[]
  const held = Object.fromEntries(names.map(name => [name, { checked: 0, failed: 0 }])) as Tally['held']
  return { cases: 0, strikes: 0, missed: 0, held, recoveries: [], askedAgain: 0, bytesLost: 0, many: null }
}

/** The value below which a share of the numbers lies (0.5: the median); null for none. */
export function quantile(numbers: readonly number[], share: number): number | null {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? null
}
