import { RunnerError } from '../../core/errors.ts'
import type { Agent, AttemptPlan, Command } from '../../core/ports/agent.ts'
import { claudeAccount } from './claude-account.ts'
import { isExecutable } from './claude-discovery.ts'
import { verdictJsonSchema } from './claude-outcome.ts'
import { ClaudeReader } from './claude-reader.ts'
import { findTranscript } from './claude-transcript.ts'

/** What the agent may do without being asked: `skip` is everything; the others are the CLI's own modes. */
export type PermissionMode = 'skip' | 'acceptEdits' | 'auto' | 'bypassPermissions' | 'default' | 'dontAsk' | 'manual' | 'plan'

export interface ClaudeOptions {
  /** The resolved path of the CLI; null when it was not found. */
  command: string | null
  /** Further arguments, as they are. */
  extraArgs: string[]
  permissionMode: PermissionMode
  /** Whether settings, hooks and servers that stand in this working directory are kept from the CLI; left out: never. */
  leavesOut?: (cwd: string) => boolean
  /** Throws when the command must not be started at this moment; left out: never. */
  refuse?: () => void
  /** The environment that the agent will have; it says where transcripts are. */
  env: NodeJS.ProcessEnv
}

/**
 * Tools that would wake the session after its last word. Nobody waits for them: the attempt ends with its result, and it is better to
 * tell the model so than to cut it off.
 */
const TOOLS_OF_LATER = ['CronCreate', 'CronDelete', 'CronList', 'Monitor', 'ScheduleWakeup']

const ENVIRONMENT: Record<string, string> = {
  DISABLE_AUTOUPDATER: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  // With background tasks or timers, further turns follow a result, and nobody could tell when the work has ended.
  CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
  CLAUDE_CODE_DISABLE_CRON: '1',
}

/** The `claude` CLI, tried with 2.1.329. The prompt goes in on stdin; nothing of a task is in argv or environment. */
export function openClaude(options: ClaudeOptions): Agent {
  return {
    name: 'claude',
    resultLine: { key: 'type', value: 'result' },
    ensureThere: () => ensureThere(options),
    command: plan => commandOf(plan, options),
    canResume: (sessionId, cwd) => findTranscript(sessionId, cwd, options.env) !== null,
    account: () => claudeAccount(options.env),
    reader: options => new ClaudeReader(options),
  }
}

function ensureThere({ command, refuse }: ClaudeOptions): void {
  if (command === null) throw new RunnerError('AGENT_CLI_MISSING', 'the claude CLI was not found on PATH or in the usual places')
  if (!isExecutable(command))
    throw new RunnerError('AGENT_CLI_MISSING', `the claude CLI ${command} is gone, or cannot be executed any more`)
  refuse?.()
}

function commandOf(plan: AttemptPlan, { command, extraArgs, permissionMode, leavesOut, refuse }: ClaudeOptions): Command {
  if (command === null) throw new RunnerError('AGENT_CLI_MISSING', 'the claude CLI was not found on PATH or in the usual places')
  refuse?.()
  // Pass it in one word, so that a name from outside can never be an option.
  const args = ['-p', '--output-format', 'stream-json', '--verbose', `--model=${plan.model}`]
  args.push(plan.mode === 'fresh' ? '--session-id' : '--resume', plan.sessionId)
  if (plan.dryRun) args.push('--permission-mode', 'plan')
  else if (permissionMode === 'skip') args.push('--dangerously-skip-permissions')
  else args.push('--permission-mode', permissionMode)
  args.push(`--disallowedTools=${TOOLS_OF_LATER.join(',')}`)
  // Counted from the start of this process, also for a resumed session.
  if (plan.maxCostUsd !== null) args.push('--max-budget-usd', plan.maxCostUsd.toFixed(4))
  if (plan.maxTurns !== null) args.push('--max-turns', String(plan.maxTurns))
  if (plan.verdict) args.push('--json-schema', verdictJsonSchema())
  args.push(...extraArgs)
  // Without a terminal the CLI asks nobody, and takes from its working directory what runs programs and says where keys go. Last, since of two the last counts.
  if (leavesOut?.(plan.cwd)) args.push('--setting-sources', 'user', '--strict-mcp-config')
  return { need: 'agent', file: command, args, env: { ...ENVIRONMENT } }
}
