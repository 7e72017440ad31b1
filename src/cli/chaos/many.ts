import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { attemptFolder } from '../../machine/attempts/attempt-files.ts'
import { check, type Played } from './check.ts'
import type { Ground } from './ground.ts'
import { type Lane, openLane, until } from './lane.ts'
import type { Finding } from './promises.ts'
import { recoveryTimes } from './recovery.ts'
import type { Damage } from './strikes.ts'
import type { Tally } from './tally.ts'
import type { Watch } from './watch.ts'

/** How long the recovery of many unfinished runs may take, in milliseconds. */
const LIMIT_MS = 10_000

/**
 * Leaves a number of runs unfinished, each of an agent id of its own whose runner was killed when its agent had just started, lets the
 * agents end, and starts all runners again. The limit is for the sum of the runners' work from their first word until their runs go on;
 * the start of the program itself is not recovery. Throws the signal's reason when the signal comes first.
 */
export async function recoverMany(count: number, ground: Ground, watch: Watch, tally: Tally, signal: AbortSignal): Promise<Finding[]> {
  const lanes = Array.from({ length: count }, (_, n) => openLane(ground, `many_${String(n + 1).padStart(3, '0')}`, signal))
  const before = new Set(ground.runs())
  const tasks: Played['tasks'] = []
  for (let n = 0; n < count; n++) {
    const { id } = await ground.board.addTask({ title: `One of ${count}`, role: 'backend_dev', complexity: 'major' })
    tasks.push({ id, mayFail: false, trouble: null })
  }
  const atOnce = availableParallelism()
  await each(lanes, atOnce, signal, async lane => void (await lane.start({ fault: 'started:agent' }).exit))
  const hasEnded = (lane: Lane) => {
    const record = lane.lock()
    return record !== null && existsSync(join(attemptFolder(ground.home, record.runId, 1), 'exit.json'))
  }
  await until(
    () => lanes.every(hasEnded),
    60_000,
    () => signal.aborted,
  )
  const started = performance.now()
  await each(lanes, atOnce, signal, async lane => void (await lane.start().exit))
  signal.throwIfAborted()
  const wallMs = Math.round(performance.now() - started)
  const times = lanes.flatMap(lane => recoveryTimes(lane, ground.home, []))
  const workMs = times.reduce((sum, time) => sum + time.workMs, 0)
  tally.many = { runs: times.length, workMs, wallMs, atOnce }
  const damage: Damage = { harmed: new Set(), boardLocked: [], seconds: [], struck: 0, missed: 0 }
  const runs = ground.runs().filter(run => !before.has(run))
  const found = await check({ ground, lanes, tasks, runs, damage, doubled: watch.doubled() }, tally, signal)
  tally.held.twice.checked++
  const late = [
    ...(times.length === count ? [] : [`of ${count} unfinished runs ${times.length} were recovered`]),
    ...(workMs <= LIMIT_MS ? [] : [`the recovery of ${count} runs took ${workMs} ms, not ${LIMIT_MS}`]),
  ]
  tally.held.twice.failed += late.length
  return [...found, ...late.map(says => ({ promise: 'twice' as const, says }))]
}

/** Does something for each item, `atOnce` at a time, until the signal. */
async function each<T>(items: readonly T[], atOnce: number, signal: AbortSignal, act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined && !signal.aborted; item = left.shift()) await act(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
