/** One line of the table. Smaller is better. */
export interface Row {
  what: string
  value: number
  /** '' for a ratio. */
  unit: '' | ' %' | ' MB' | ' ms'
  aim: number
  limit: number
  /** The numbers behind it. */
  detail?: string
}

/** The middle value. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * Median milliseconds of each contestant. They take turns, so that what else happens on the machine meets all alike, and the
 * first turn, which warms the disk cache, does not count.
 */
export async function sideBySide<Name extends string>(
  turns: number,
  contestants: Record<Name, () => Promise<unknown>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(contestants) as Name[]
  const times = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>
  for (let turn = 0; turn <= turns; turn++)
    for (const name of turn % 2 ? names : names.toReversed()) {
      const began = performance.now()
      await contestants[name]()
      if (turn > 0) times[name].push(performance.now() - began)
    }
  return Object.fromEntries(names.map(name => [name, median(times[name])])) as Record<Name, number>
}
