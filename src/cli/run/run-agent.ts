import type { Config } from '../../config/config.ts'
import { agentIdentity } from '../../config/identity.ts'
import { trackerChoice, trackerPlace } from '../../config/tracker-choice.ts'
import { RUNNER } from '../../config/trust/refusal.ts'
import { RunnerError } from '../../core/errors.ts'
import { findHooks } from '../../machine/hooks/hook-discovery.ts'
import { endLeftoverHooks } from '../../machine/hooks/hooks.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { crowd } from '../../machine/limits/crowd.ts'
import { requireRoom } from '../../machine/limits/required-room.ts'
import { takeAgentGuard } from '../../machine/locks/agent-guard.ts'
import { openStateFolder } from '../../machine/locks/state-folder.ts'
import { selfCommand } from '../../machine/process/self.ts'
import { reapAsInit } from '../../machine/process/subreaper.ts'
import { runLoop } from '../../runner/loop.ts'
import { Stops } from '../../runner/shutdown.ts'
import { processIo } from '../command/command-io.ts'
import { configToAct } from '../command/configuration.ts'
import { version } from '../command/version.ts'
import { refuseMissingBaseBranch } from '../compose/base-branch.ts'
import { composeRunner, findAgentCommand } from '../compose/compose.ts'
import { hookOptions } from '../compose/hook-settings.ts'
import { askHookRefusal } from '../output/ask-hook-refusal.ts'
import { chooseFormat, openPrinter } from '../output/printer.ts'
import { collectGarbage } from './garbage.ts'
import { startHousekeeping } from './housekeeping.ts'
import { tellUncaught } from './last-words.ts'
import { listenToSignals } from './signals.ts'
import { openTimeline } from './timeline.ts'

/** `run`: from flags to exit code. Nothing is touched before the configuration is valid and the agent id is ours. */
export async function runAgent(flags: Record<string, unknown>): Promise<number> {
  requireRoom()
  reapAsInit()
  const config = await configToAct(flags, processIo(), RUNNER)
  const identity = agentIdentity(config)
  await refuseMissingBaseBranch(config)
  if (flags.dryRun) {
    const { showDryRun } = await import('./dry-run.ts')
    return await showDryRun(config, flags.json === true)
  }
  if (flags.json && config.values.logFormat !== 'auto' && config.values.logFormat !== 'json')
    throw new RunnerError('USAGE', `--json and --log-format ${config.values.logFormat} contradict each other`)
  const { home, repo, logFormat } = config.values
  // Called only because they may refuse, while nothing is touched yet.
  findHooks(hookOptions(config))
  const agentCommand = await findAgentCommand(config, process.env)
  if (agentCommand === null) throw new RunnerError('AGENT_CLI_MISSING', 'the claude CLI was not found on PATH or in the usual places')
  const tightened = openStateFolder(home, selfCommand())
  const single = flags.singleTask === true
  const guard = takeAgentGuard(home, identity.id, { role: identity.role, repo, command: single ? 'single task' : 'continuous' })
  const printer = await openPrinter(chooseFormat(flags.json ? 'json' : logFormat, process.stdout, process.env), process.stdout, {
    verbose: config.values.verbose === 'yes',
  })
  const stops = new Stops()
  const files = openRunFiles(home)
  const collect = single ? null : collectGarbage()
  const emit = openTimeline(identity.id, files, event => {
    printer.print(event)
    collect?.(event)
  })
  const deaf = listenToSignals(stops, emit)
  const calm = tellUncaught(emit)
  const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true
  try {
    const context = await composeRunner(config, {
      stops,
      files,
      emit,
      env: process.env,
      self: selfCommand(),
      holds: guard.holds,
      askHookRefusal: interactive ? askHookRefusal(printer, stops.draining) : null,
    })
    // A hook that belongs to no run may have outlived a killed runner.
    if (guard.foundDead) await endLeftoverHooks(identity.id, home)
    guard.cleared()
    emit({
      type: 'runner_started',
      agentId: identity.id,
      role: identity.role,
      level: identity.level,
      tracker: where(config),
      repo,
      version: version(),
    })
    const crowded = single ? null : crowd(agentCommand)
    for (const message of crowded ? [...tightened, crowded] : tightened) emit({ type: 'warning', message })
    const endHousekeeping = startHousekeeping(config.values, message => emit({ type: 'warning', message }))
    try {
      const { exitCode, tasks } = await runLoop(context, { single })
      emit({ type: 'runner_stopped', reason: said(exitCode), tasks, exitCode })
      return exitCode
    } finally {
      endHousekeeping()
      context.tracker.close()
    }
  } finally {
    deaf()
    calm()
    printer.close()
    guard.release()
  }
}

function where(config: Config): string {
  const { tracker, because } = trackerChoice(config)
  return tracker === 'embedded' ? `${trackerPlace(config)} (${because})` : trackerPlace(config)
}

function said(exitCode: number): string {
  if (exitCode === 14) return 'there is nothing to do'
  return exitCode === 0 ? 'done' : 'ended'
}
