import type { Complexity } from '../../core/task.ts'
import { FAULT_POINTS } from '../compose/fault.ts'
import { PIECES, TROUBLES, type Trouble } from './agent-script.ts'
import type { Chance } from './random.ts'

/** Whom a strike kills. The runner comes first: a supervisor or agent that dies under a live runner is another case. */
export type Victim = 'runner' | 'supervisor' | 'agent'

/** One fault. `piece`: it comes when the agent has finished that many pieces of its work. Times in milliseconds. */
export type Strike =
  | { kind: 'point'; point: string }
  | { kind: 'moment'; ms: number }
  | { kind: 'kill'; victims: Victim[]; piece: number }
  | { kind: 'freeze'; victim: Victim | 'all'; piece: number; ms: number }
  | { kind: 'reboot'; piece: number }
  | { kind: 'decoy'; piece: number }
  | { kind: 'board'; piece: number; ms: number }
  | { kind: 'second'; piece: number }
  | { kind: 'signal'; signal: 'SIGUSR2' | 'SIGTERM'; times: 1 | 2; piece: number }

/** One task with its agent's trouble, and what is done to whoever works on it. */
export interface CasePlan {
  complexity: Complexity
  trouble: Trouble | null
  strikes: Strike[]
}

/** An agent that is silent for so long, in seconds, is ended and resumed. */
export const SILENT_S = 4
/** Longer than anything that works waits for something that stands still: a write waits for the board, a supervisor for its agent. */
const LONG_MS = 6_500

/** How many agents work at once. */
export const LANES = 3

const KILLS: Victim[][] = [
  ['runner'],
  ['runner', 'supervisor'],
  ['runner', 'supervisor', 'agent'],
  ['supervisor', 'runner'],
  ['agent'],
  ['supervisor'],
]

/**
 * Endless random cases, `lanes` at a time. Every fault point and every kind of strike comes once before any comes again, so that a short
 * run covers many of them.
 */
export function* rounds(chance: Chance, lanes = LANES): Generator<CasePlan[], never> {
  let deck: (() => Strike)[] = []
  const draw = () => {
    if (deck.length === 0) deck = chance.shuffled(allStrikes(chance))
    return deck.pop()!()
  }
  for (;;) {
    const size = chance.happens(0.5) ? lanes : Math.max(1, lanes - 1)
    yield Array.from({ length: size }, () => {
      const strikes = [draw()]
      // Strikes during the recovery from the first strike, and sometimes during the recovery from that one too.
      if (chance.happens(0.5)) strikes.push(again(chance))
      if (chance.happens(0.2)) strikes.push(again(chance))
      return {
        complexity: chance.happens(0.6) ? 'major' : 'minor',
        trouble: chance.happens(0.35) ? chance.pick(TROUBLES) : null,
        strikes,
      }
    })
  }
}

/** A strike that hits a recovery: at a point, or at any moment after the start. */
function again(chance: Chance): Strike {
  if (chance.happens(0.4)) return { kind: 'point', point: chance.pick(FAULT_POINTS) }
  if (chance.happens(0.6)) return { kind: 'moment', ms: chance.between(20, 900) }
  return { kind: 'kill', victims: chance.pick(KILLS), piece: chance.between(1, PIECES) }
}

function allStrikes(chance: Chance): (() => Strike)[] {
  const piece = () => chance.between(0, PIECES)
  const wait = () => chance.between(300, 1_500)
  return [
    ...FAULT_POINTS.map(point => (): Strike => ({ kind: 'point', point })),
    ...KILLS.flatMap(victims => Array.from({ length: 3 }, () => (): Strike => ({ kind: 'kill', victims, piece: piece() }))),
    ...Array.from({ length: 6 }, () => (): Strike => ({ kind: 'moment', ms: chance.between(50, 2_000) })),
    ...(['runner', 'supervisor'] as const).flatMap(victim =>
      Array.from({ length: 2 }, () => (): Strike => ({ kind: 'freeze', victim, piece: piece(), ms: wait() })),
    ),
    ...(['runner', 'supervisor', 'agent', 'all'] as const).map(
      victim => (): Strike => ({ kind: 'freeze', victim, piece: piece(), ms: LONG_MS }),
    ),
    ...Array.from({ length: 2 }, () => (): Strike => ({ kind: 'reboot', piece: piece() })),
    ...Array.from({ length: 2 }, () => (): Strike => ({ kind: 'decoy', piece: piece() })),
    ...Array.from({ length: 2 }, () => (): Strike => ({ kind: 'second', piece: piece() })),
    ...Array.from({ length: 2 }, () => (): Strike => ({ kind: 'board', piece: piece(), ms: wait() })),
    () => ({ kind: 'board', piece: piece(), ms: LONG_MS }),
    () => ({ kind: 'signal', signal: 'SIGUSR2', times: 1, piece: piece() }),
    () => ({ kind: 'signal', signal: 'SIGTERM', times: 1, piece: piece() }),
    () => ({ kind: 'signal', signal: 'SIGTERM', times: 2, piece: piece() }),
  ]
}

/** A strike in a few words. */
export function named(strike: Strike): string {
  switch (strike.kind) {
    case 'point':
      return `runner killed ${strike.point}`
    case 'moment':
      return `runner killed ${strike.ms} ms after its start`
    case 'kill':
      return `${strike.victims.join(', ')} killed at piece ${strike.piece}`
    case 'freeze':
      return `${strike.victim === 'all' ? 'all of them' : strike.victim} stopped for ${strike.ms} ms at piece ${strike.piece}`
    case 'reboot':
      return `reboot at piece ${strike.piece}`
    case 'decoy':
      return `all killed at piece ${strike.piece}, their pids used by another process`
    case 'board':
      return `board locked for ${strike.ms} ms at piece ${strike.piece}`
    case 'second':
      return `a second runner at piece ${strike.piece}`
    case 'signal':
      return `${strike.signal} to the runner, ${strike.times} times, at piece ${strike.piece}`
  }
}
