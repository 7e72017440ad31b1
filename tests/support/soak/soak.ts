import { setTimeout as delay } from 'node:timers/promises'
import { TROUBLES, type Trouble, troubleLine } from '../../../src/cli/chaos/agent-script.ts'
import { check, type Played } from '../../../src/cli/chaos/check.ts'
import { type Ground, openGround } from '../../../src/cli/chaos/ground.ts'
import { type Lane, openLane, until } from '../../../src/cli/chaos/lane.ts'
import { type Chance, chanceOf } from '../../../src/cli/chaos/random.ts'
import { recoveryTimes } from '../../../src/cli/chaos/recovery.ts'
import type { Damage } from '../../../src/cli/chaos/strikes.ts'
import { newTally } from '../../../src/cli/chaos/tally.ts'
import type { Outcome } from '../../../src/cli/chaos/view.ts'
import { startWatch } from '../../../src/cli/chaos/watch.ts'
import { type FaultyPm, startFaultyPm } from './faulty-pm.ts'
import { type Gauge, startGauge } from './gauge.ts'
import { keptGoing, scourge } from './scourge.ts'

/** How many agents share the PM, and what share of the requests to it goes wrong. */
const AGENTS = 4
const FAULTS = 0.05
/** How long the last tasks may take once no more are added, in milliseconds. */
const SETTLE_MS = 120_000
/** What a runner may need more at the end than in the middle: a heap is not the same at all times, open files are. */
const MORE_MEMORY = 0.1
const MORE_MEMORY_BYTES = 8 * 2 ** 20
const MORE_FILES = 1
/** A heap is still filling for so long, in seconds: a shorter soak says nothing of memory. */
const WARM_S = 180
/** The runs among which two agents at once are looked for. */
const LATEST = 24

export interface SoakOptions {
  seconds: number
  seed: number
  /** The words that start the program under test, and the environment that it comes from. */
  self: string[]
  env: NodeJS.ProcessEnv
  /** Told now and then how it stands. */
  say?: (text: string) => void
}

/**
 * Four runners that go on and on at one PM, to which every twentieth request goes wrong, while runners, supervisors and agents are killed
 * and stopped every few seconds. One runner is left alone, to see what it needs. Afterwards everything settles and is checked from outside.
 */
export async function soak({ seconds, seed, self, env, say = () => {} }: SoakOptions): Promise<Outcome> {
  const chance = chanceOf(seed)
  const pm = await startFaultyPm(chance, FAULTS)
  const bare = await openGround(self, env)
  const ground: Ground = { ...bare, env: { ...bare.env, ...SETTINGS, ...pm.env }, task: async id => pm.task(id) }
  const watch = startWatch({ ...ground, runs: () => ground.runs().toSorted().slice(-LATEST) })
  const closed = new AbortController()
  const lanes = Array.from({ length: AGENTS }, (_, n) => openLane(ground, `soak_${n + 1}`, closed.signal, { continuous: true }))
  const spared = lanes.at(-1)!
  const gauge = startGauge(lanes)
  const damage: Damage = { harmed: new Set(), boardLocked: [], seconds: [], struck: 0, missed: 0 }
  const tasks: Played['tasks'] = []
  const findings: Outcome['findings'] = []
  const tally = newTally()
  const started = performance.now()
  const passed = () => (performance.now() - started) / 1_000
  const flowIsOver = () => passed() > seconds
  const over = new AbortController()
  try {
    const survivor = spared.start()
    const going = lanes.map(lane => keptGoing(lane, chance, over.signal))
    const telling = setInterval(() => say(`${Math.round(passed())} s: ${tasks.length} tasks, ${damage.struck} strikes`), 30_000)
    // All of them, also when one fails: nobody may start a runner after the end.
    const flow = await Promise.allSettled([
      addTasks(pm, tasks, chance, flowIsOver),
      scourge(lanes, spared, ground, chance, damage, flowIsOver),
    ])
    clearInterval(telling)
    const open = () => tasks.filter(({ id }) => !['dev_done', 'pending'].includes(pm.task(id).status))
    await until(() => open().length === 0 && lanes.every(lane => lane.lock() === null), SETTLE_MS)
    findings.push(...flat(gauge, survivor.pid, seconds >= WARM_S))
    gauge.end()
    over.abort()
    await Promise.all(going)
    for (const lane of lanes) await ended(lane)
    for (const one of flow) if (one.status === 'rejected') throw one.reason
    pm.heal()
    tally.cases = tasks.length
    tally.strikes = damage.struck
    tally.missed = damage.missed
    tally.recoveries.push(...lanes.flatMap(lane => recoveryTimes(lane, ground.home, []).map(({ wholeMs }) => wholeMs)))
    const played: Played = { ground, lanes, tasks, runs: ground.runs(), damage, doubled: watch.doubled(), trackerFailed: true }
    findings.push(...(await check(played, tally, closed.signal)).map(finding => ({ round: 'soak', ...finding })))
    return {
      ...{ seed, seconds: passed(), tally, findings, cutShort: false },
      kept: findings.length > 0 ? ground.root : null,
      more: [...figures(gauge, survivor.pid), ['requests to the PM', `${pm.requests()}, ${pm.faults()} of them went wrong`]],
    }
  } finally {
    over.abort()
    gauge.end()
    watch.end()
    closed.abort()
    await ground.close(findings.length > 0)
    await pm.close()
  }
}

/** Short waits, so that much happens. */
const SETTINGS = {
  HEADLESS_PM_TASK_CHECK_INTERVAL: '2',
  HEADLESS_PM_HEARTBEAT_INTERVAL: '1',
  HEADLESS_PM_HEALTH_CHECK_INTERVAL: '5',
}

/** One task after the other until `over`, some with trouble for the agent; now and then there is nothing to do. */
async function addTasks(pm: FaultyPm, tasks: Played['tasks'], chance: Chance, over: () => boolean): Promise<void> {
  const troubles = TROUBLES.filter(trouble => trouble !== 'flood')
  while (!over()) {
    if (pm.waiting() < 2 * AGENTS) {
      const trouble: Trouble | null = chance.happens(0.15) ? chance.pick(troubles) : null
      const complexity = chance.happens(0.6) ? 'major' : 'minor'
      const id = pm.add(`A ${complexity} task`, complexity, `Work in pieces.\n${trouble ? troubleLine(trouble) : ''}`)
      tasks.push({ id, mayFail: trouble === 'poison', trouble })
    }
    await delay(chance.between(100, 1_200))
  }
}

/** Asks the lane's runner to end, and makes sure of it. */
async function ended(lane: Lane): Promise<void> {
  const runner = lane.runners.at(-1)!
  runner.signal('SIGTERM')
  await until(() => !runner.running(), 30_000)
  if (runner.running()) runner.signal('SIGKILL')
  await runner.exit
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`

function flat(gauge: Gauge, pid: number, isWarm: boolean): Outcome['findings'] {
  const growth = gauge.growth(pid)
  const note = (says: string) => [{ round: 'soak', promise: 'clean' as const, says }]
  if (!growth) return note('the runner that is never killed has ended')
  const [before, after] = growth.memory
  const [few, many] = growth.files
  return [
    ...(isWarm && after - before > Math.max(MORE_MEMORY_BYTES, before * MORE_MEMORY)
      ? note(`the memory of a runner grew from ${megabytes(before)} to ${megabytes(after)}`)
      : []),
    ...(many - few > MORE_FILES ? note(`the open files of a runner grew from ${few} to ${many}`) : []),
  ]
}

function figures(gauge: Gauge, pid: number): [string, string][] {
  const growth = gauge.growth(pid)
  if (!growth) return []
  const most = gauge.most()
  const [before, after] = growth.memory
  return [
    ['private memory of the runner that is never killed, in its middle third and its last', `${megabytes(before)}, ${megabytes(after)}`],
    ['its open files', growth.files.join(', ')],
    ['the most of any runner at any time', `${megabytes(most.memory)}, ${most.files} open files`],
  ]
}
