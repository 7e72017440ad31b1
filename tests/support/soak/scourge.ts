import { setTimeout as delay } from 'node:timers/promises'
import type { Ground } from '../../../src/cli/chaos/ground.ts'
import { type Lane, until } from '../../../src/cli/chaos/lane.ts'
import type { Strike, Victim } from '../../../src/cli/chaos/plan.ts'
import type { Chance } from '../../../src/cli/chaos/random.ts'
import { type Damage, strike } from '../../../src/cli/chaos/strikes.ts'

const RUNNER: Victim[][] = [['runner'], ['runner'], ['runner', 'supervisor'], ['runner', 'supervisor', 'agent'], ['supervisor', 'runner']]
const OTHERS: Victim[][] = [['supervisor'], ['agent']]

/** A strike by chance. The runner is hit only when it may be. */
function drawn(chance: Chance, mayHitRunner: boolean): Strike {
  const piece = chance.between(0, 4)
  const ms = chance.between(300, 3_000)
  const others: (() => Strike)[] = [
    () => ({ kind: 'kill', victims: chance.pick(OTHERS), piece }),
    () => ({ kind: 'freeze', victim: 'supervisor', piece, ms }),
  ]
  const all: (() => Strike)[] = [
    ...others,
    () => ({ kind: 'kill', victims: chance.pick(RUNNER), piece }),
    () => ({ kind: 'kill', victims: chance.pick(RUNNER), piece }),
    // At any moment: a runner that works for long is killed at once.
    () => ({ kind: 'moment', ms: chance.between(50, 1_500) }),
    () => ({ kind: 'moment', ms: chance.between(50, 1_500) }),
    () => ({ kind: 'freeze', victim: 'runner', piece, ms }),
    () => ({ kind: 'second', piece }),
    () => ({ kind: 'signal', signal: 'SIGUSR2', times: 1, piece }),
    () => ({ kind: 'signal', signal: 'SIGTERM', times: chance.happens(0.5) ? 2 : 1, piece }),
  ]
  return chance.pick(mayHitRunner ? all : others)()
}

/** Strikes every few seconds until `over`, at whatever lane chance picks; the runner of `spared` is never hit. */
export async function scourge(
  lanes: readonly Lane[],
  spared: Lane,
  ground: Ground,
  chance: Chance,
  damage: Damage,
  over: () => boolean,
): Promise<void> {
  while (!over()) {
    const ms = chance.between(500, 2_500)
    await until(() => false, ms, over)
    const lane = chance.pick(lanes)
    if (!over()) await strike(drawn(chance, lane !== spared), lane, ground, damage)
  }
}

/** Starts the lane's runner again whenever it has ended, until the signal. */
export async function keptGoing(lane: Lane, chance: Chance, over: AbortSignal): Promise<void> {
  const end = new Promise(resolve => over.addEventListener('abort', resolve, { once: true }))
  while (!over.aborted) {
    await Promise.race([lane.runner().exit, end])
    await delay(chance.between(0, 400))
  }
}
