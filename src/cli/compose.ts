import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { agentIdentity } from '../config/identity.ts'
import { toPolicy } from '../config/policy.ts'
import { roleInstructions } from '../config/role-instructions.ts'
import { KEYS, setting } from '../config/schema.ts'
import { trackerChoice } from '../config/tracker-choice.ts'
import type { ControlPlane } from '../control-plane/control-plane.ts'
import { RunnerError } from '../core/errors.ts'
import type { RunnerEvent } from '../core/event.ts'
import { newRunId } from '../core/ids.ts'
import type { AskHookRefusal, Journal, RunFiles, Tracker } from '../core/ports.ts'
import type { RunnerContext } from '../runner/context.ts'
import { Patience } from '../runner/patience.ts'
import type { Stops } from '../runner/shutdown.ts'
import { systemClock } from '../system/clock.ts'
import { openHooks } from '../system/hooks.ts'
import { openJournal } from '../system/lock-file.ts'
import { redactor } from '../system/redaction.ts'
import { openSupervision } from '../system/supervision.ts'
import { openUsageLimit } from '../system/usage-limit.ts'
import { hookOptions } from './compose/hook-settings.ts'
import { openConfiguredWorkspaces } from './compose/workspaces.ts'
import { boardFile } from './task/embedded-board.ts'

/** What a command brings to the house that is composed for it. */
export interface Outside {
  stops: Stops
  files: RunFiles
  emit: (event: RunnerEvent, runId?: string) => void
  askHookRefusal: AskHookRefusal | null
  env: NodeJS.ProcessEnv
  /** The words that start this program again. */
  self: string[]
  /** For a lane beside a server: the control plane that both share, and the flags and folder it was started with. Left out: as configured. */
  beside?: { plane: ControlPlane; flags: Record<string, unknown>; cwd: string }
}

/** The only place that picks adapters: from the configuration to all that the runner works with. */
export async function composeRunner(config: Config, outside: Outside): Promise<RunnerContext> {
  const { values } = config
  const { repo, home } = values
  const identity = agentIdentity(config)
  const { openClaude } = await import('../agents/claude.ts')
  const { openShell } = await import('../agents/shell.ts')
  const { findClaude } = await import('../agents/claude-discovery.ts')
  const agentCommand = findClaude({ configured: values.claudeCommand, env: outside.env, home: outside.env.HOME ?? home })
  const agent = openClaude({
    ...{ command: agentCommand, extraArgs: values.claudeArgs, permissionMode: values.permissionMode },
    env: outside.env,
  })
  const ms = (seconds: number) => seconds * 1000
  const warn = (message: string) => outside.emit({ type: 'warning', message })
  const { beside, env, self } = outside
  const places = beside && (await import('./compose/project-places.ts')).openProjectPlaces(config, { ...beside, env, self, warn })
  return {
    identity,
    tracker: beside ? await besideServer(beside.plane) : await openTracker(config),
    agent,
    shell: openShell(),
    supervision: openSupervision({ home, self: outside.self, env: withoutSecrets(outside.env), killGraceMs: ms(values.killGrace) }),
    workspaces: places?.workspaces ?? (await openConfiguredWorkspaces(config, identity.id, warn)),
    hooks: places?.hooks ?? openHooks({ ...hookOptions(config), self }),
    journal: await openRunJournal(home, identity.id, outside.env.AGENT_RUNNER_FAULT),
    usageLimit: openUsageLimit({ home, account: () => agent.account(), now: systemClock.now }),
    files: outside.files,
    clock: systemClock,
    policy: toPolicy(config, roleInstructions(config, identity.role).text),
    stops: outside.stops,
    patience: new Patience(),
    random: Math.random,
    // Keys may also come from files and flags.
    redact: redactor({ ...outside.env, PM_KEY: values.apiKey ?? '', SERVER_KEY: values.serverKey ?? '' }),
    newRunId,
    newSessionId: randomUUID,
    emit: outside.emit,
    askHookRefusal: outside.askHookRefusal,
    home,
    repo,
    agentCommand,
  }
}

async function openRunJournal(home: string, agentId: string, fault: string | undefined): Promise<Journal> {
  const journal = openJournal(home, agentId)
  return fault ? (await import('./compose/fault.ts')).withFault(journal, fault) : journal
}

/** The tracker that the configuration means. */
export async function openTracker(config: Config): Promise<Tracker> {
  const { values } = config
  if (trackerChoice(config).tracker === 'embedded') {
    const { openEmbedded } = await import('../trackers/control-plane.ts')
    return openEmbedded(boardFile(values.home), { project: values.repo })
  }
  if (trackerChoice(config).tracker === 'control-plane') {
    const { openControlPlaneHttp } = await import('../trackers/control-plane-http.ts')
    const { server, project, repo, apiTimeout } = values
    return openControlPlaneHttp({
      url: server ?? '',
      key: serverKey(values),
      requestTimeoutMs: apiTimeout * 1000,
      project: project ?? repo,
    })
  }
  const { openHeadlessPm } = await import('../trackers/headless-pm.ts')
  return openHeadlessPm({ url: values.apiUrl, key: values.apiKey, requestTimeoutMs: values.apiTimeout * 1000 })
}

/** The tasks of all projects of a control plane in this very process. */
async function besideServer(plane: ControlPlane): Promise<Tracker> {
  const { openEmbedded } = await import('../trackers/control-plane.ts')
  return openEmbedded(plane.board({ everywhere: true }))
}

/** The key of the control plane, also from its file. Throws CONFIG_INVALID when that cannot be read. */
function serverKey({ serverKey: key, serverKeyFile: file }: Config['values']): string | null {
  if (key !== null || file === null) return key
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new RunnerError('CONFIG_INVALID', `the key file ${file} cannot be read: ${(error as Error).message}`)
  }
}

/** Our environment for agents: without the secrets that are ours alone. */
function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const secrets = new Set(KEYS.flatMap(key => (setting(key).secret ? setting(key).env : [])))
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.has(name)))
}
