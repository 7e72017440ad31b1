import type { Stage } from './stage.ts'

/** What came of an attack: whether the promise held, and what was seen, in a short line. */
export interface Verdict {
  held: boolean
  seen: string
}

/** One attack. Its name says what is attempted; throwing counts as broken. */
export interface Attack {
  name: string
  run(stage: Stage): Promise<Verdict>
}

/** The attacks of one part of the product. */
export interface Part {
  name: string
  attacks: Attack[]
}

/** The verdict of several conditions: held when all are true; else it names those that are not. */
export function verdict(conditions: Record<string, boolean>, seen: string): Verdict {
  const failed = Object.keys(conditions).filter(name => !conditions[name])
  return failed.length === 0 ? { held: true, seen } : { held: false, seen: `not so: ${failed.join('; ')} (${seen})` }
}
