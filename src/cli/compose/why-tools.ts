import { existsSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { trackerChoice, trackerPlace } from '../../config/tracker-choice.ts'
import { TASKS } from '../../config/trust/refusal.ts'
import { asRunnerError, RunnerError } from '../../core/errors.ts'
import type { Holding } from '../../core/ports/tracker.ts'
import type { RunRecord } from '../../core/run.ts'
import type { AgentIdentity, Task } from '../../core/task.ts'
import { passOn } from '../../machine/process/child-environment.ts'
import type { CheckoutView, lookAtCheckout } from '../../workspaces/kept/checkout.ts'
import { boardFile } from '../task/embedded-board.ts'
import { openTracker } from './compose.ts'

export type { CheckoutView }

/** What the tracker says about a task, or why it was not asked. Never an error: an unreachable tracker is a fact too. */
export type TrackerAnswer =
  | { kind: 'answered'; where: string; holding: Holding }
  | { kind: 'unreachable'; where: string; message: string; advice: string; exitCode: number }
  | { kind: 'elsewhere'; where: string; message: string }

/**
 * Asks the configured tracker for the state of a task, for at most `waitMs`. Does not ask for a task of another tracker. Changes nothing
 * there.
 */
export async function askTracker(
  config: Config,
  agent: AgentIdentity,
  task: Task,
  from: RunRecord['tracker'] | null,
  waitMs: number,
): Promise<TrackerAnswer> {
  // Opening a board makes its file; a look makes nothing.
  const { values } = config
  const embedded = trackerChoice(config).tracker === 'embedded'
  const own = boardFile(values.home)
  if (embedded && !existsSync(own)) return { kind: 'elsewhere', where: own, message: `there is no embedded board at ${own}` }
  const impatient = { ...config, values: { ...values, apiTimeout: Math.min(values.apiTimeout, waitMs / 1000) } }
  const where = trackerPlace(config)
  if (config.leftOut.some(({ key }) => TASKS.keys.includes(key)))
    return { kind: 'elsewhere', where, message: `the repository says where its tasks are, and is not trusted: ${config.trust.repo}` }
  try {
    const tracker = await openTracker(impatient, { look: true })
    try {
      if (from && from.url !== '' && (from.name !== tracker.name || from.url !== tracker.url)) {
        const message = `the task belongs to ${from.name} at ${from.url}, and this configuration points to ${tracker.name} at ${tracker.url}`
        return { kind: 'elsewhere', where: from.url, message }
      }
      return { kind: 'answered', where, holding: await tracker.holding(agent, task, AbortSignal.timeout(waitMs)) }
    } finally {
      tracker.close()
    }
  } catch (thrown) {
    const { code, message, advice, exitCode } = asRunnerError(thrown)
    const late = code === 'ABORTED' && new RunnerError('TRACKER_UNREACHABLE', `no answer within ${waitMs / 1000} s`)
    return { kind: 'unreachable', where, ...(late ? told(late) : { message, advice, exitCode }) }
  }
}

function told({ message, advice, exitCode }: RunnerError) {
  return { message, advice, exitCode }
}

/** The state of a workspace in git. */
export async function lookAt({ values }: Config, path: string, run: Parameters<typeof lookAtCheckout>[1]): Promise<CheckoutView> {
  // git's filters run in its environment.
  passOn(values.passEnv)
  return await (await import('../../workspaces/kept/checkout.ts')).lookAtCheckout(path, run)
}

/** Whether the agent CLI can resume the session in this folder. */
export async function sessionIsThere(sessionId: string, cwd: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const { openClaude } = await import('../../agents/claude/claude.ts')
  return openClaude({ command: null, extraArgs: [], permissionMode: 'skip', env }).canResume(sessionId, cwd)
}
