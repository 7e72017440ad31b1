import { troubleLine } from './agent-script.ts'
import { check, type Played } from './check.ts'
import type { Ground } from './ground.ts'
import { type Lane, openLane } from './lane.ts'
import { type CasePlan, LANES } from './plan.ts'
import type { Finding } from './promises.ts'
import { recoveryTimes } from './recovery.ts'
import { type Damage, strike } from './strikes.ts'
import type { Tally } from './tally.ts'
import type { Watch } from './watch.ts'

/** How often a lane is started again for unfinished work before that becomes a finding of its own. */
const STARTS = 12

/** The lanes of a chaos run. Their agents work at the same time, on one board and one repository. */
export function openLanes(ground: Ground, signal: AbortSignal): Lane[] {
  return Array.from({ length: LANES }, (_, n) => openLane(ground, `chaos_${n + 1}`, signal))
}

/**
 * Plays some cases at once, a lane for each, until their tasks have come to an end; then checks everything. A round that the signal cuts
 * short throws the signal's reason: we killed its runners, so it proves nothing.
 */
export async function playRound(
  cases: CasePlan[],
  { ground, lanes, watch, tally, signal }: { ground: Ground; lanes: Lane[]; watch: Watch; tally: Tally; signal: AbortSignal },
): Promise<Finding[]> {
  const used = lanes.slice(0, cases.length)
  for (const lane of used) lane.runners.length = 0
  const damage: Damage = { harmed: new Set(), boardLocked: [], seconds: [], struck: 0, missed: 0 }
  const before = new Set(ground.runs())
  const tasks: Played['tasks'] = []
  for (const { complexity, trouble } of cases) {
    const description = `Work in pieces.\n${trouble ? troubleLine(trouble) : ''}`
    const { id } = await ground.board.addTask({ title: `A ${complexity} task`, description, role: 'backend_dev', complexity })
    tasks.push({ id, mayFail: trouble === 'poison', trouble })
  }
  // Wait for all of them, also when one fails: nobody may start a runner after the end.
  const played = await Promise.allSettled(
    used.map(async (lane, n) => {
      for (const blow of cases[n]!.strikes) await strike(blow, lane, ground, damage)
      await finish(lane)
    }),
  )
  for (const one of played) if (one.status === 'rejected') throw one.reason
  // Tasks that a lane could not take before it was killed are left to the first lane.
  for (let n = 0; n < STARTS && (await open(ground, tasks)); n++) await finish(used[0]!, true)
  signal.throwIfAborted()
  tally.cases += cases.length
  tally.strikes += damage.struck
  tally.missed += damage.missed
  tally.recoveries.push(...used.flatMap(lane => recoveryTimes(lane, ground.home, damage.boardLocked).map(({ wholeMs }) => wholeMs)))
  const runs = ground.runs().filter(run => !before.has(run))
  return await check({ ground, lanes: used, tasks, runs, damage, doubled: watch.doubled() }, tally, signal)
}

/** Starts the lane's runner until nothing is unfinished; `first` starts it in any case. */
async function finish(lane: Lane, first = false): Promise<void> {
  if (first || lane.runners.length === 0) lane.start()
  for (let n = 0; ; n++) {
    await lane.runners.at(-1)!.exit
    if (!lane.lock() || n === STARTS) return
    lane.start()
  }
}

async function open(ground: Ground, tasks: Played['tasks']): Promise<boolean> {
  const seen = await Promise.all(tasks.map(({ id }) => ground.task(id)))
  return seen.some(({ status }) => status === 'created' || status === 'under_work')
}
