import { randomUUID } from 'node:crypto'
import type { ControlPlane } from '../../board/control-plane.ts'
import type { Config } from '../../config/config.ts'
import { agentIdentity } from '../../config/identity.ts'
import { toPolicy } from '../../config/policy.ts'
import { roleInstructions } from '../../config/roles/role-instructions.ts'
import { trackerChoice } from '../../config/tracker-choice.ts'
import type { RunnerEvent } from '../../core/event.ts'
import { newRunId } from '../../core/ids.ts'
import type { AskHookRefusal } from '../../core/ports/hooks.ts'
import type { Journal } from '../../core/ports/journal.ts'
import type { RunFiles } from '../../core/ports/run-files.ts'
import type { Tracker } from '../../core/ports/tracker.ts'
import { keepSecret, redact } from '../../core/redaction.ts'
import { openSupervision } from '../../machine/attempts/supervision.ts'
import { openHooks } from '../../machine/hooks/hooks.ts'
import { openJournal } from '../../machine/journal/lock-file.ts'
import { openBreaker } from '../../machine/limits/breaker.ts'
import { systemClock } from '../../machine/limits/clock.ts'
import { openPatience } from '../../machine/limits/patience.ts'
import { openUsageLimit } from '../../machine/limits/usage-limit.ts'
import { machineName } from '../../machine/locks/machine-name.ts'
import { passOn } from '../../machine/process/child-environment.ts'
import type { RunnerContext } from '../../runner/context.ts'
import type { Stops } from '../../runner/shutdown.ts'
import { boardFile } from '../task/embedded-board.ts'
import { leftOutOfAgent, refuseChangedCommand } from './agent-trust.ts'
import { heldJournal } from './held-journal.ts'
import { hookOptions } from './hook-settings.ts'
import { serverAccess, serverKeyOf } from './server-key.ts'
import { openConfiguredWorkspaces } from './workspaces.ts'

/** What a command supplies to the runner that is composed for it. */
export interface Outside {
  stops: Stops
  files: RunFiles
  emit: (event: RunnerEvent, runId?: string) => void
  askHookRefusal: AskHookRefusal | null
  env: NodeJS.ProcessEnv
  /** The command and arguments that start this program again. */
  self: string[]
  /** Whether the agent's guard is still held; left out where none is taken. */
  holds?: () => boolean
  /** Only for a look: nothing on this machine may change. */
  look?: boolean
  /** For a lane beside a server: the control plane that both share, and the flags and folder it was started with. Left out: as configured. */
  beside?: { plane: ControlPlane; flags: Record<string, unknown>; cwd: string }
}

/** The only place that picks adapters: it turns the configuration into everything that the runner works with. */
export async function composeRunner(config: Config, outside: Outside): Promise<RunnerContext> {
  const { values } = config
  const { repo, home } = values
  passOn(values.passEnv)
  // Reading the configuration has made its secrets known; this key may be in a file.
  keepSecret([configuredServerKey(config) ?? ''])
  const identity = agentIdentity(config)
  const { openClaude } = await import('../../agents/claude/claude.ts')
  const { openShell } = await import('../../agents/shell/shell.ts')
  const agentCommand = await findAgentCommand(config, outside.env)
  const ms = (seconds: number) => seconds * 1000
  const warn = (message: string) => outside.emit({ type: 'warning', message })
  const agent = openClaude({
    ...{ command: agentCommand, extraArgs: values.claudeArgs, permissionMode: values.permissionMode },
    refuse: () => refuseChangedCommand(config),
    leavesOut: cwd => leftOutOfAgent(config, cwd, warn),
    env: outside.env,
  })
  const { beside, env, self } = outside
  const places = beside && (await import('./project-places.ts')).openProjectPlaces(config, { ...beside, env, self, warn })
  const tracker = beside ? await besideServer(beside.plane, config) : await openTracker(config, { look: outside.look })
  return {
    identity,
    tracker,
    agent,
    shell: openShell(),
    supervision: openSupervision({
      ...{ home, agentId: identity.id, self: outside.self, killGraceMs: ms(values.killGrace) },
      env: outside.env,
    }),
    workspaces: places?.workspaces ?? openConfiguredWorkspaces(config, identity.id, warn),
    hooks: places?.hooks ?? openHooks({ ...hookOptions(config), self }),
    journal: await openRunJournal(home, identity.id, outside),
    usageLimit: openUsageLimit({ home, account: () => agent.account(), clock: systemClock }),
    breaker: openBreaker({ home, agentId: identity.id, clock: systemClock }),
    files: outside.files,
    clock: systemClock,
    policy: toPolicy(config, roleInstructions(config, identity.role).text),
    stops: outside.stops,
    patience: openPatience({ home, agentId: identity.id, tracker: tracker.url, now: systemClock.now }),
    random: Math.random,
    redact,
    newRunId,
    // Do not pass the function itself: naming it would load node:crypto, which is needed late.
    newSessionId: () => randomUUID(),
    emit: outside.emit,
    askHookRefusal: outside.askHookRefusal,
    home,
    repo,
    agentCommand,
  }
}

/** The path of the agent CLI; null when there is none. Throws AGENT_CLI_MISSING when the configured one cannot be executed. */
export async function findAgentCommand({ values }: Config, env: NodeJS.ProcessEnv): Promise<string | null> {
  const { findClaude } = await import('../../agents/claude/claude-discovery.ts')
  return findClaude({ configured: values.claudeCommand, env, home: env.HOME ?? values.home })
}

async function openRunJournal(home: string, agentId: string, { holds, env }: Outside): Promise<Journal> {
  const own = openJournal(home, agentId)
  const journal = holds ? heldJournal(own, holds) : own
  const fault = env.AGENT_RUNNER_FAULT
  return fault ? (await import('./fault.ts')).withFault(journal, fault) : journal
}

/** The configured tracker; for `look`, one that changes nothing on this machine. */
export async function openTracker(config: Config, { look = false } = {}): Promise<Tracker> {
  const { values } = config
  if (trackerChoice(config).tracker === 'embedded') {
    const { openEmbedded } = await import('../../connectors/control-plane/in-process/embedded-tracker.ts')
    return openEmbedded(boardFile(values.home), { project: values.repo, labels: values.labels, look })
  }
  if (trackerChoice(config).tracker === 'control-plane') {
    const { openControlPlaneHttp } = await import('../../connectors/control-plane/http/control-plane-http.ts')
    const { project, repo, apiTimeout } = values
    return openControlPlaneHttp({
      ...serverAccess(values),
      requestTimeoutMs: apiTimeout * 1000,
      project: project ?? repo,
      machine: machineName(values.home),
      labels: values.labels,
    })
  }
  const { openHeadlessPm } = await import('../../connectors/headless-pm/headless-pm.ts')
  return openHeadlessPm({ url: values.apiUrl, key: values.apiKey, requestTimeoutMs: values.apiTimeout * 1000 })
}

/** A tracker for the tasks of all projects of a control plane in this process. */
async function besideServer(plane: ControlPlane, { values }: Config): Promise<Tracker> {
  const { openBeside } = await import('../../connectors/control-plane/in-process/lane-tracker.ts')
  return openBeside(plane, { machine: machineName(values.home), labels: values.labels })
}

/** The key of the control plane that tasks come from; null when they come from elsewhere, or without a key. */
const configuredServerKey = (config: Config) => (trackerChoice(config).tracker === 'control-plane' ? serverKeyOf(config.values) : null)
