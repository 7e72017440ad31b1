import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FAULT_POINTS } from '../../src/cli/compose/fault.ts'
import { attemptFolder, lastAttempt } from '../../src/machine/attempts/attempt-files.ts'
import { lockFilePath } from '../../src/machine/journal/lock-file.ts'
import { bootId } from '../../src/machine/process/process-table.ts'
import { endTagged, isAlive, RUN_TAG, signalProcess } from '../../src/machine/process/processes.ts'
import type { CrashStage, StageOptions } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'
import { standStill } from '../support/stand-still.ts'
import { waitFor } from '../support/wait-for.ts'

/*
 * Points × what is killed or stopped × a new run, a recovered one, one that was recovered twice × trackers. `KILL_MATRIX=full` has all of it
 * (scripts/chaos); otherwise every n-th case, as the other files of this folder have the rest in closer detail.
 */
const PART = 29

type Killed =
  | 'runner killed'
  | 'runner and supervisor killed'
  | 'runner, supervisor and agent killed'
  | 'the machine killed'
  | 'all stopped for long'

/** Every timeout that a runner has for somebody else, short; and for so long all is stopped, in milliseconds. */
const SHORT = { HEADLESS_PM_API_TIMEOUT: '1', HEADLESS_PM_SILENT_AFTER: '2', HEADLESS_PM_HEARTBEAT_INTERVAL: '0.5' }
const LONG_MS = 3_000

/** Only between these two does something else than the runner live. */
const AT_WORK = ['started:agent']

const cases = FAULT_POINTS.flatMap(point =>
  ([1, 2, 3] as const).flatMap(times => {
    // What is on record as done is not come to again.
    if (times > 1 && point.startsWith('after:')) return []
    const all: Killed[] = ['runner killed', 'runner and supervisor killed', 'runner, supervisor and agent killed', 'the machine killed']
    const whom = AT_WORK.includes(point) ? all : all.filter(killed => killed === 'runner killed' || killed === 'the machine killed')
    if (times === 1) whom.push('all stopped for long')
    return whom.map((killed, n) => ({ point, killed, times, complexity: (n + times) % 2 ? ('major' as const) : ('minor' as const) }))
  }),
)
const chosen = process.env.KILL_MATRIX === 'full' ? cases : cases.filter((_, n) => n % PART === 0)

/** Registers the matrix for one tracker. */
export function killMatrix(open: (options: StageOptions) => Promise<CrashStage>): void {
  test.for(chosen)('$killed $point, $times times running: a $complexity task is done once', async planned => {
    const { point, killed, times, complexity } = planned
    const stops = killed === 'all stopped for long'
    const stage = await open(stops ? { env: SHORT } : {})
    const id = await stage.board.add('Make it so', complexity)
    if (AT_WORK.includes(point)) stage.agent.hold(1)
    if (stops) return await stopped(stage, id, point)
    for (let kills = 0; kills < times; kills++) {
      const runner = stage.start({ fault: point })
      const { signal, code } = await runner.exit
      // A recovery need not come to the point again.
      if (signal === null) {
        expect(kills, runner.output()).toBeGreaterThan(0)
        expect(code, runner.output()).toBe(0)
        break
      }
      expect(signal).toBe('SIGKILL')
      await killRest(stage, killed)
    }
    stage.agent.letGo()
    const last = stage.start()
    expect([0, 14], last.output()).toContain((await last.exit).code)
    if (killed === 'runner killed') expect(stage.agent.starts()).toHaveLength(1)
    await expectDoneOnce(stage, id)
  })
}

/** Stops everything at the point for longer than anybody waits, and lets it go on. */
async function stopped(stage: CrashStage, id: string, point: string): Promise<void> {
  const runner = stage.start({ fault: `stop@${point}` })
  await waitFor(`stopped at ${point}`, () => /^State:\s+T/m.test(readFileSync(`/proc/${runner.pid}/status`, 'utf8')))
  if (AT_WORK.includes(point)) await waitFor('an agent', () => stage.attempt()?.agent && stage.agent.starts().length === 1)
  const wake = standStill(stage, runner)
  await delay(LONG_MS)
  wake()
  stage.agent.letGo()
  expect((await runner.exit).code, runner.output()).toBe(0)
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
}

/** Kills what the runner's fault point left alive. */
async function killRest(stage: CrashStage, killed: Killed): Promise<void> {
  if (killed === 'runner killed' || !stage.runs()[0]) return
  const attempt = stage.attempt(lastAttempt(stage.home, stage.runs()[0]!))
  for (const identity of [attempt?.supervisor, killed === 'runner and supervisor killed' ? null : attempt?.agent]) {
    if (!identity) continue
    signalProcess(identity, 'SIGKILL')
    await waitFor('it is gone', () => !isAlive(identity))
  }
  if (killed === 'the machine killed') await reboot(stage)
}

/** Nothing of the boot that is on record lives any more. */
async function reboot({ home, runs }: CrashStage): Promise<void> {
  for (const run of runs()) {
    await endTagged(RUN_TAG, run, 0)
    const started = join(attemptFolder(home, run, lastAttempt(home, run)), 'started.json')
    for (const path of [started, lockFilePath(home, 'dev_001')])
      if (existsSync(path)) writeFileSync(path, readFileSync(path, 'utf8').replaceAll(bootId(), '00000000-0000-4000-8000-000000000000'))
  }
}
