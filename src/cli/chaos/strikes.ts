import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunRecord } from '../../core/run.ts'
import { attemptFolder, lastAttempt, type StartedRecord } from '../../machine/attempts/attempt-files.ts'
import { lockFilePath } from '../../machine/journal/lock-file.ts'
import { bootId } from '../../machine/process/process-table.ts'
import { endTagged, isAlive, RUN_TAG, signalProcess } from '../../machine/process/processes.ts'
import { boardFile } from '../task/embedded-board.ts'
import type { Ground } from './ground.ts'
import { type Lane, type Runner, until } from './lane.ts'
import { SILENT_S, type Strike, type Victim } from './plan.ts'

/** How long to wait for the agent's work before a strike counts as missed, in milliseconds. */
const PATIENCE_MS = 20_000

/** The effects of the strikes that the checker has to know. */
export interface Damage {
  /** Runs whose supervisor or agent was hit: only they may ask the model again. */
  harmed: Set<string>
  /** When the board was locked: epoch milliseconds from and to. */
  boardLocked: [from: number, to: number][]
  /** Exit codes of second runners for an agent id that had one. */
  seconds: (number | null)[]
  /** How many strikes came, and how many found nothing to hit because the work was over. */
  struck: number
  missed: number
}

/** Carries out one strike on a lane, and starts a runner when none works. The runner may work on, or be dead, afterwards. */
export async function strike(blow: Strike, lane: Lane, ground: Ground, damage: Damage): Promise<void> {
  const hit = await land(blow, lane, ground, damage)
  if (hit) damage.struck++
  else damage.missed++
}

async function land(blow: Strike, lane: Lane, ground: Ground, damage: Damage): Promise<boolean> {
  if (blow.kind === 'point') {
    await lane.runners.at(-1)?.exit
    return (await lane.start({ fault: blow.point }).exit).signal === 'SIGKILL'
  }
  const runner = lane.runner()
  if (blow.kind === 'moment') {
    await Promise.race([delay(Math.max(0, runner.startedAt + blow.ms - Date.now())), runner.exit])
    return await killRunner(runner)
  }
  const work = await atWork(lane, runner, blow.piece)
  if (!work) return false
  const { record, attempt } = work
  switch (blow.kind) {
    case 'kill':
      if (blow.victims.some(victim => victim !== 'runner')) damage.harmed.add(record.runId)
      for (const victim of blow.victims) await kill(victim, runner, attempt)
      return true
    case 'freeze':
      // An agent that stands still for so long is silent, unless nobody watched it meanwhile.
      if (blow.victim === 'agent' && blow.ms > SILENT_S * 1_000) damage.harmed.add(record.runId)
      return await freeze(blow, runner, attempt)
    case 'reboot':
    case 'decoy':
      damage.harmed.add(record.runId)
      await killRunner(runner)
      await kill('supervisor', runner, attempt)
      await kill('agent', runner, attempt)
      if (blow.kind === 'reboot') await endTagged(RUN_TAG, record.runId, 0)
      forge(blow.kind, record.runId, lane, ground)
      return true
    case 'board':
      damage.boardLocked.push(await lockBoard(ground, blow.ms))
      return true
    case 'second': {
      const second = lane.start()
      const { code } = await second.exit
      if (!runner.running()) return false
      // The latest runner of a lane counts as its runner, and that must still be the first one.
      lane.runners.splice(lane.runners.indexOf(second), 1)
      damage.seconds.push(code)
      return true
    }
    case 'signal':
      if (blow.signal === 'SIGTERM' && blow.times === 2) damage.harmed.add(record.runId)
      for (let n = 1; n <= blow.times; n++) {
        runner.signal(blow.signal)
        await until(
          () => runner.output().split(blow.signal).length > n,
          2_000,
          () => !runner.running(),
        )
      }
      return true
  }
}

/** Stops the victim for a while; with all of them it is as if the machine slept. Returns whether there was anybody to stop. */
async function freeze({ victim, ms }: Strike & { kind: 'freeze' }, runner: Runner, { supervisor, agent }: StartedRecord): Promise<boolean> {
  const send = (name: NodeJS.Signals) => {
    const isMeant = (who: Victim) => victim === who || victim === 'all'
    const lives = runner.running()
    if (lives && isMeant('runner')) runner.signal(name)
    const sent = [
      isMeant('runner') && lives,
      isMeant('supervisor') && signalProcess(supervisor, name),
      isMeant('agent') && agent !== null && signalProcess(agent, name),
    ]
    return sent.some(Boolean)
  }
  const hit = send('SIGSTOP')
  await delay(ms)
  send('SIGCONT')
  return hit
}

/** Waits until the agent of the present run has done this many pieces; null when the work is over before. */
async function atWork(lane: Lane, runner: Runner, piece: number): Promise<{ record: RunRecord; attempt: StartedRecord } | null> {
  return await until(
    () => {
      const record = lane.lock()
      const attempt = record && lane.attempt()
      if (!record || !attempt?.agent) return null
      const done = lane.account(record.runId).written.filter(({ text }) => text.startsWith('whole')).length
      return done >= piece ? { record, attempt } : null
    },
    PATIENCE_MS,
    () => !runner.running(),
  )
}

async function killRunner(runner: Runner): Promise<boolean> {
  runner.signal('SIGKILL')
  return (await runner.exit).signal === 'SIGKILL'
}

/** Kills exactly the process that is on record, and waits until it is gone. */
async function kill(victim: Victim, runner: Runner, attempt: StartedRecord): Promise<void> {
  if (victim === 'runner') return void (await killRunner(runner))
  const identity = attempt[victim]
  if (!identity) return
  signalProcess(identity, 'SIGKILL')
  await until(() => !isAlive(identity), 5_000)
}

/**
 * Makes the records of a dead run name another process. After a `reboot` they name its pid and start time in another boot; otherwise its
 * pid alone, as if the system had used the pid again.
 */
function forge(kind: 'reboot' | 'decoy', runId: string, lane: Lane, { home, decoy }: Ground): void {
  const started = join(attemptFolder(home, runId, lastAttempt(home, runId)), 'started.json')
  for (const path of [started, lockFilePath(home, lane.agentId)]) {
    let text = readFileSync(path, 'utf8').replaceAll(/("pid": ?)\d+/g, `$1${decoy.pid}`)
    if (kind === 'reboot')
      text = text.replaceAll(bootId(), '00000000-0000-4000-8000-000000000000').replaceAll(/("start": ?)"[^"]*"/g, `$1"${decoy.start}"`)
    writeFileSync(path, text)
  }
}

/** Holds the write lock of the board's database, like another process that is slow to write. */
async function lockBoard({ home }: Ground, ms: number): Promise<[number, number]> {
  const { DatabaseSync: Database } = await import('node:sqlite')
  // It must not wait inside SQLite: other lanes of this process may be the ones that hold the lock.
  const database = new Database(boardFile(home), { timeout: 0 })
  try {
    while (!begun(database)) await delay(10)
    const from = Date.now()
    await delay(ms)
    database.exec('rollback')
    return [from, Date.now()]
  } finally {
    database.close()
  }
}

function begun(database: DatabaseSync): boolean {
  try {
    database.exec('begin immediate')
    return true
  } catch (error) {
    // SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy
    if ((error as { errcode?: number }).errcode === 5) return false
    throw error
  }
}
