import { randomInt } from 'node:crypto'
import { RunnerError } from '../../core/errors.ts'
import { selfCommand } from '../../machine/process/self.ts'
import type { CommandIo } from '../command/command-io.ts'
import { openSink } from '../output/sink.ts'
import { openGround } from './ground.ts'
import { recoverMany } from './many.ts'
import { named, rounds } from './plan.ts'
import type { Finding } from './promises.ts'
import { chanceOf } from './random.ts'
import { openLanes, playRound } from './round.ts'
import { newTally } from './tally.ts'
import { type Outcome, outcomeDocument, outcomeText } from './view.ts'
import { startWatch } from './watch.ts'

/** The flags as they were typed. */
export interface ChaosFlags {
  minutes?: string
  cases?: string
  seed?: string
  unfinished?: string
  json?: boolean
}

const CASES = 30
const UNFINISHED = 100
const SEEDS = 2 ** 32

/**
 * `chaos`: plays random cases in a throwaway place and checks after each round what must hold. Returns the exit code: 0 only when all
 * held, 1 otherwise, 12 when it was ended before its time. `self` starts the program under test.
 */
export async function chaos(flags: ChaosFlags, io: CommandIo, signal: AbortSignal, self = selfCommand()): Promise<number> {
  const minutes = number(flags.minutes, '--minutes', { least: 0, most: 10_000 })
  const cases =
    number(flags.cases, '--cases', { least: 1, most: 1_000_000, whole: true }) ?? (minutes === null ? CASES : Number.POSITIVE_INFINITY)
  const seed = number(flags.seed, '--seed', { least: 0, most: SEEDS - 1, whole: true }) ?? randomInt(SEEDS)
  const unfinished = number(flags.unfinished, '--unfinished', { least: 0, most: 1_000, whole: true }) ?? UNFINISHED
  const sink = openSink(io.stdout, { complete: true })
  const say = (text: string) => {
    if (!flags.json) sink.write(`${text}\n`)
  }
  const started = performance.now()
  const timeIsUp = () => minutes !== null && performance.now() - started > minutes * 60_000
  const tally = newTally()
  const findings: Outcome['findings'] = []
  const note = (round: string, found: Finding[]) => {
    findings.push(...found.map(finding => ({ round, ...finding })))
    for (const { says } of found) say(`   NOT HELD: ${says}`)
  }
  const ground = await openGround(self, io.env)
  const watch = startWatch(ground)
  const over = new AbortController()
  const ended = AbortSignal.any([signal, over.signal])
  const lanes = openLanes(ground, ended)
  let held = false
  let keep = false
  try {
    say(`seed ${seed}; everything is in ${ground.root}`)
    let round = 0
    for (const planned of rounds(chanceOf(seed))) {
      if (tally.cases >= cases || timeIsUp() || signal.aborted) break
      const now = planned.slice(0, cases - tally.cases)
      round++
      for (const { complexity, trouble, strikes } of now)
        say(`${round}. ${complexity}${trouble ? `, agent: ${trouble}` : ''}: ${strikes.map(named).join('; then ')}`)
      note(`round ${round}`, await playRound(now, { ground, lanes, watch, tally, signal: ended }))
    }
    if (unfinished > 0 && !signal.aborted) {
      say(`${unfinished} unfinished runs are made and recovered`)
      note('many unfinished runs', await recoverMany(unfinished, ground, watch, tally, ended))
    }
    held = findings.length === 0
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    over.abort()
    watch.end()
    // A run that was only ended before its time has nothing to show.
    keep = !held && (findings.length > 0 || !signal.aborted)
    await ground.close(keep)
  }
  const seconds = (performance.now() - started) / 1_000
  const outcome: Outcome = { seed, seconds, tally, findings, kept: keep ? ground.root : null, cutShort: signal.aborted }
  sink.write(flags.json ? `${JSON.stringify(outcomeDocument(outcome), null, 2)}\n` : `\n${outcomeText(outcome)}`)
  if (signal.aborted) return 12
  return held ? 0 : 1
}

function number(
  text: string | undefined,
  flag: string,
  { least, most, whole }: { least: number; most: number; whole?: boolean },
): number | null {
  if (text === undefined) return null
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value
  throw new RunnerError(
    'USAGE',
    `${flag} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}, not ${JSON.stringify(text.slice(0, 40))}`,
  )
}
