import { cpus, freemem, release, totalmem, uptime } from 'node:os'
import type { Config } from '../../../config/config.ts'
import { redact } from '../../../core/redaction.ts'
import { version } from '../../command/version.ts'
import { sharedLimit } from '../../compose/shared-limit.ts'
import { explained } from '../../config/show.ts'
import { machineStatus } from '../../status/machine-status.ts'
import { documentEntry, type Redact } from './files.ts'
import { runEntries } from './run-entries.ts'
import { stateEntries } from './state-entries.ts'
import type { Entry } from './tar.ts'

/** The facts that a bundle is made of. `config` is null when it cannot be loaded; then `doctor` says why. */
export interface Subject {
  home: string
  repo: string
  config: Config | null
  doctor: unknown
  env: NodeJS.ProcessEnv
  withWork: boolean
}

/** Environment variables that matter to the runner, the agent and git. The bundle tells only that they are set. */
const TOLD = /^(HEADLESS_PM_|API_KEY|AGENT_RUNNER_|ANTHROPIC_|CLAUDE|AWS_|GIT_|NODE_|IS_SANDBOX|LANG$|LC_|TZ$|TERM$|CI$|\w*_proxy$)/i
/** Further patterns of secrets, beyond those of the redactor; here it is better to take out too much. */
const SUSPECT: [RegExp, string][] = [
  // As programs print their settings.
  [/(\b[A-Z0-9_]*(?:API_?KEY|TOKEN|SECRET|PASSWORD)\b\\?["']?\s*[=:]\s*\\?["']?)(?!\[redacted\])[^\s"',;\\]{6,}/g, '$1[redacted]'],
]

/** All files of a bundle, without secrets. Only looks. */
export async function gather(subject: Subject): Promise<Entry[]> {
  const { home, config, doctor, env, withWork } = subject
  const machine = {
    agent_runner: version(),
    node: process.version,
    sqlite: process.versions.sqlite,
    platform: `${process.platform}-${process.arch} ${release()}`,
    user_is_root: process.getuid?.() === 0,
    cpus: cpus().length,
    memory_mb: { free: Math.round(freemem() / 1024 ** 2), all: Math.round(totalmem() / 1024 ** 2) },
    up_s: Math.round(uptime()),
    at: new Date().toISOString(),
    environment_names: Object.keys(env)
      .filter(name => TOLD.test(name))
      .sort(),
  }
  return [
    documentEntry('machine.json', machine, redactMore, true),
    documentEntry('doctor.json', doctor, redactMore, true),
    ...(config ? [documentEntry('config.json', explained(config), redactMore, true)] : []),
    documentEntry('status.json', machineStatus(home, sharedLimit(home, env)), redactMore, withWork),
    ...stateEntries(home, redactMore, withWork),
    ...runEntries(home, redactMore, withWork),
  ]
}

/** Removes known secrets, what looks like one, and what only may be one. */
const redactMore: Redact = text => SUSPECT.reduce((clean, [pattern, put]) => clean.replace(pattern, put), redact(text))
