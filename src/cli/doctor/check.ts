import type { Config } from '../../config/config.ts'
import { ERRORS, RunnerError } from '../../core/errors.ts'
import type { Workspaces } from '../../core/ports/workspaces.ts'
import type { Complexity } from '../../core/task.ts'

/** What a check found. `fail` means: a run would not start, or could do no task. */
export interface Finding {
  verdict: 'ok' | 'warn' | 'fail'
  says: string
  /** What to do; '' when nothing. */
  advice: string
  /** The exit code with which a run would end; 0 unless it failed. */
  exitCode: number
}

/** Everything that a check may look at. */
export interface Examination {
  config: Config
  env: NodeJS.ProcessEnv
  tools: DoctorTools
  /** The command and arguments that start this program again. */
  self: string[]
  signal: AbortSignal
}

/** The outside, as a run would reach it. */
export interface DoctorTools {
  /** Throws a RunnerError when the tracker does not answer or refuses our key. */
  pingTracker(signal: AbortSignal): Promise<void>
  /** The path of the agent CLI; null when there is none. Throws AGENT_CLI_MISSING when what is configured is not there. */
  findAgent(): Promise<string | null>
  probeAgent(
    command: string,
  ): Promise<{ version: string | null; inTriedRange: boolean; triedRange: string; loggedIn: 'yes' | 'no' | 'unknown'; how: string }>
  /** Throws when the configured base branch is not there. */
  refuseMissingBaseBranch(): Promise<void>
  /** Where a sample task would work, and what prevents it. */
  planWorkspace(complexity: Complexity): ReturnType<Workspaces['plan']>
}

export interface Check {
  name: string
  /** May throw: the words of a RunnerError become the finding. */
  examine(examination: Examination): Promise<Finding> | Finding
}

export const ok = (says: string): Finding => ({ verdict: 'ok', says, advice: '', exitCode: 0 })

export const warn = (says: string, advice: string): Finding => ({ verdict: 'warn', says, advice, exitCode: 0 })

/** `row` is the row of ERRORS or ENDS with which a run would end. */
export const fail = (row: { exitCode: number; advice: string }, says: string, advice = row.advice): Finding => ({
  verdict: 'fail',
  says,
  advice,
  exitCode: row.exitCode,
})

/** Runs a check and returns its finding, whatever it throws. */
export async function examined(check: Check, examination: Examination): Promise<Finding> {
  try {
    return await check.examine(examination)
  } catch (thrown) {
    if (thrown instanceof RunnerError) return { verdict: 'fail', says: thrown.message, advice: thrown.advice, exitCode: thrown.exitCode }
    return fail(ERRORS.BUG, `the check itself failed: ${(thrown as Error).message}`)
  }
}
