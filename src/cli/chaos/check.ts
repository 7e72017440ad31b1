import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ATTEMPT_FILES } from '../../machine/attempts/attempt-files.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { isLocked } from '../../machine/locks/os-lock.ts'
import type { Account } from './account.ts'
import { PIECES, type Trouble } from './agent-script.ts'
import { git, leftBehind, lostWork, notToldOnce, stillRunning } from './findings.ts'
import type { Ground } from './ground.ts'
import type { Lane } from './lane.ts'
import type { Finding, PromiseName } from './promises.ts'
import type { Damage } from './strikes.ts'
import type { Tally } from './tally.ts'

/** The round that was played, once it is over. */
export interface Played {
  ground: Ground
  lanes: Lane[]
  /** `mayFail`: the agent can do nothing, so the task may be parked as well. */
  tasks: { id: string; mayFail: boolean; trouble: Trouble | null }[]
  /** The runs of the round. */
  runs: string[]
  damage: Damage
  /** Runs on which two agents were seen. */
  doubled: string[]
  /** The connection to the tracker failed now and then, so a start may have found it unreachable. */
  trackerFailed?: boolean
}

/** How long after the end everything must be gone, in milliseconds. */
const CLEAN_MS = 10_000
/** The documented exit codes of a single task: done, failed, timed out, kept, nothing to do. */
const EXIT_CODES = [0, 10, 11, 12, 14]
/** While the board cannot be written or reached: the state folder, or the PM, is not usable. */
const LOCKED_CODES = [69, 73]

/**
 * Checks all eight promises from outside, and counts what it looked at. Returns what does not hold. After the signal, which ends the
 * lanes' runners, it leaves out checks that need further starts.
 */
export async function check(played: Played, tally: Tally, signal: AbortSignal): Promise<Finding[]> {
  const { ground, lanes, tasks, runs, damage, doubled } = played
  const found: Finding[] = []
  const note = (promise: PromiseName, checked: number, says: string[]) => {
    tally.held[promise].checked += checked
    tally.held[promise].failed += says.length
    found.push(...says.map(text => ({ promise, says: text })))
  }
  const seen = await Promise.all(tasks.map(async task => ({ ...task, seen: await ground.task(task.id) })))
  const parked = seen.filter(task => task.seen.status === 'pending').map(({ id }) => id)
  for (const task of seen)
    note(
      'once',
      1,
      notToldOnce(task.seen, task.mayFail ? ['dev_done', 'pending'] : ['dev_done']).map(text => `task ${task.id}: ${text}`),
    )

  const accounts = runs.map(run => ({ run, ...accountOf(lanes, run) }))
  note('alone', accounts.length + damage.seconds.length, [
    ...doubled.map(run => `two agents worked on ${run} at once`),
    ...accounts.filter(({ overlaps }) => overlaps > 0).map(({ run }) => `an agent of ${run} found something of an earlier one alive`),
    ...damage.seconds.filter(code => code !== 75).map(code => `a second runner for one agent id ended with ${code}, not 75`),
  ])

  const troubled = new Map(seen.map(task => [task.seen.notes.match(/agent-runner logs (run_\w+)/)?.[1], task]))
  for (const account of accounts) {
    const task = troubled.get(account.run)
    if (!task || damage.harmed.has(account.run) || task.trouble === 'poison') continue
    const again = Math.max(0, account.asked - PIECES)
    tally.askedAgain += again
    const due = task.trouble === 'crash' || task.trouble === 'half-line' ? 2 : 1
    note('spared', 1, [
      ...(again > 0 ? [`${account.run} made ${again} requests again`] : []),
      ...(account.starts > due ? [`the agent of ${account.run} was started ${account.starts} times, not ${due}`] : []),
    ])
  }

  const written = accounts.flatMap(account => account.written)
  const lost = lostWork(ground.repo, written)
  tally.bytesLost += lost.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0)
  note(
    'kept',
    written.length,
    lost.map(({ file, text }) => `${file} (${text}) is lost`),
  )

  const mayStay = (worktree: string) => ground.parked(parked).some(id => worktree.endsWith(`task-${id}`))
  const left = () => [...stillRunning(runs), ...leftBehind(ground.home, ground.repo, mayStay), ...openAttempts(ground, runs)]
  for (const end = performance.now() + CLEAN_MS; left().length > 0 && performance.now() < end; ) await delay(200)
  note('clean', runs.length, left())
  note('decoy', 1, ground.decoyLives() ? [] : ['a process that has nothing to do with any run was ended'])

  for (const runner of lanes.flatMap(lane => lane.runners)) {
    const { code } = await runner.exit
    const allowed = damage.boardLocked.length > 0 || played.trackerFailed ? [...EXIT_CODES, ...LOCKED_CODES] : EXIT_CODES
    const output = runner.output()
    note('exits', 1, [
      ...(code === null || allowed.includes(code) ? [] : [`a runner ended with ${code}: ${output.trim().split('\n').at(-1)}`]),
      ...(/^ +at .+:\d+\)?$|unhandled/im.test(output) ? [`a runner printed a stack trace: ${output.slice(-2_000)}`] : []),
    ])
  }

  const before = await picture(ground, tasks)
  if (signal.aborted) return found
  const codes = await Promise.all(lanes.map(async lane => (await lane.start({ single: true }).exit).code))
  const after = await picture(ground, tasks)
  if (signal.aborted) return found
  note('twice', lanes.length, [
    ...codes.filter(code => code !== 14).map(code => `a further start ended with ${code}, not 14`),
    ...(before === after ? [] : ['a further start changed a task, a run or the repository']),
  ])
  return found
}

function accountOf(lanes: Lane[], run: string): Account {
  const accounts = lanes.map(lane => lane.account(run))
  const sum = (key: 'starts' | 'asked' | 'overlaps') => accounts.reduce((total, account) => total + account[key], 0)
  return { starts: sum('starts'), asked: sum('asked'), overlaps: sum('overlaps'), written: accounts.flatMap(account => account.written) }
}

/** Attempts whose supervisor still holds its lock. */
function openAttempts({ home }: Ground, runs: string[]): string[] {
  return runs.flatMap(run => {
    const attempts = join(home, 'runs', run, 'attempts')
    const numbers = existsSync(attempts) ? readdirSync(attempts) : []
    return numbers
      .filter(number => isLocked(join(attempts, number, ATTEMPT_FILES.lock)))
      .map(number => `attempt ${number} of ${run} is open`)
  })
}

/** Everything that a further start must leave as it is. */
async function picture({ home, repo, task, runs }: Ground, tasks: Played['tasks']): Promise<string> {
  const seen = await Promise.all(tasks.map(({ id }) => task(id)))
  const events = runs().map(run => openRunFiles(home).events(run).length)
  return JSON.stringify([seen, git(repo, 'for-each-ref'), runs(), events])
}
