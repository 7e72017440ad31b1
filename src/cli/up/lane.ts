import type { ControlPlane } from '../../board/control-plane.ts'
import type { Config } from '../../config/config.ts'
import { agentIdentity } from '../../config/identity.ts'
import type { StampedEvent } from '../../core/event.ts'
import { endLeftoverHooks } from '../../machine/hooks/hooks.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { takeAgentGuard } from '../../machine/locks/agent-guard.ts'
import { selfCommand } from '../../machine/process/self.ts'
import { runLoop } from '../../runner/loop.ts'
import type { Stops } from '../../runner/shutdown.ts'
import { version } from '../command/version.ts'
import { composeRunner } from '../compose/compose.ts'
import { openTimeline } from '../run/timeline.ts'

export interface LaneOptions {
  /** The configuration, with the lane's own agent id and its role. */
  config: Config
  flags: Record<string, unknown>
  env: NodeJS.ProcessEnv
  cwd: string
  plane: ControlPlane
  /** Shared by all lanes. */
  stops: Stops
  show(event: StampedEvent): void
}

/**
 * The life of one lane: a runner with its own guard, journal and workspaces. Resolves with its exit code; throws failures that only a
 * person can mend.
 */
export async function runLane({ config, flags, env, cwd, plane, stops, show }: LaneOptions): Promise<number> {
  const { home, repo } = config.values
  const identity = agentIdentity(config)
  const guard = takeAgentGuard(home, identity.id, { role: identity.role, repo, command: 'lane' })
  try {
    const files = openRunFiles(home)
    const emit = openTimeline(identity.id, files, show)
    const beside = { plane, flags, cwd }
    const context = await composeRunner(config, {
      ...{ stops, files, emit, env, self: selfCommand(), holds: guard.holds },
      ...{ askHookRefusal: null, beside },
    })
    if (guard.foundDead) await endLeftoverHooks(identity.id, home)
    guard.cleared()
    const { id: agentId, role, level } = identity
    emit({ type: 'runner_started', agentId, role, level, tracker: `the control plane (${plane.url})`, repo, version: version() })
    const { exitCode, tasks } = await runLoop(context, { single: false })
    emit({ type: 'runner_stopped', reason: exitCode === 0 ? 'done' : 'ended', tasks, exitCode })
    return exitCode
  } finally {
    guard.release()
  }
}
