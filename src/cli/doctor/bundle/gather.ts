import { cpus, freemem, release, totalmem, uptime } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../../config/config.ts'
import { readDotEnv } from '../../../config/environment.ts'
import { KEYS, setting } from '../../../config/schema.ts'
import { redactor } from '../../../system/redaction.ts'
import { sharedLimit } from '../../compose/shared-limit.ts'
import { explained } from '../../config/show.ts'
import { machineStatus } from '../../status/machine-status.ts'
import { version } from '../../version.ts'
import { documentEntry, type Redact } from './files.ts'
import { runEntries } from './run-entries.ts'
import { stateEntries } from './state-entries.ts'
import type { Entry } from './tar.ts'

/** What a bundle is made of. `config` is null when it cannot be loaded; `doctor` says why then. */
export interface Subject {
  home: string
  repo: string
  config: Config | null
  doctor: unknown
  env: NodeJS.ProcessEnv
  withWork: boolean
}

/** Names of the environment that matter to the runner, the agent and git. Only that they are set is told. */
const TOLD = /^(HEADLESS_PM_|API_KEY|AGENT_RUNNER_|ANTHROPIC_|CLAUDE|AWS_|GIT_|NODE_|IS_SANDBOX|LANG$|LC_|TZ$|TERM$|CI$|\w*_proxy$)/i
/** What looks like a secret beyond what the redactor takes for one; here it is better to take too much. */
const SUSPECT: [RegExp, string][] = [
  // As programs print their settings.
  [/(\b[A-Z0-9_]*(?:API_?KEY|TOKEN|SECRET|PASSWORD)\b\\?["']?\s*[=:]\s*\\?["']?)(?!\[redacted\])[^\s"',;\\]{6,}/g, '$1[redacted]'],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/:@"']{8,}@/gi, '$1[redacted]@'],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g, '[redacted]'],
  [/\b(?:npm_|hf_|AIza)[A-Za-z0-9_-]{20,}/g, '[redacted]'],
]

/** All files of a bundle, without secrets. Only looks. */
export async function gather(subject: Subject): Promise<Entry[]> {
  const { home, config, doctor, env, withWork } = subject
  const redact = await redactFor(subject)
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
    documentEntry('machine.json', machine, redact, true),
    documentEntry('doctor.json', doctor, redact, true),
    ...(config ? [documentEntry('config.json', explained(config), redact, true)] : []),
    documentEntry('status.json', machineStatus(home, sharedLimit(home, env)), redact, withWork),
    ...stateEntries(home, redact, withWork),
    ...runEntries(home, redact, withWork),
  ]
}

/** Knows the secrets of the environment, of `.env` and of the configuration by value, and others by their look. */
async function redactFor({ repo, config, env }: Subject): Promise<Redact> {
  const dotenv = await readDotEnv(join(repo, '.env'), [])
  const configured = KEYS.filter(key => setting(key).secret).map(key => [`${key}_SECRET`, config?.values[key]])
  const redact = redactor({ ...dotenv?.values, ...env, ...Object.fromEntries(configured.filter(([, value]) => typeof value === 'string')) })
  return text => SUSPECT.reduce((clean, [pattern, put]) => clean.replace(pattern, put), redact(text))
}
