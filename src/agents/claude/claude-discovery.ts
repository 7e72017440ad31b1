import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { homeFolder } from '../../machine/process/home-folder.ts'

/**
 * The path of the `claude` CLI: what is configured (a path or a name), else the first executable on PATH and in the
 * usual places; null when there is none. Throws AGENT_CLI_MISSING when what is configured cannot be executed.
 */
export function findClaude(options: { configured: string | null; env: NodeJS.ProcessEnv; home?: string }): string | null {
  const { configured, env, home = homeFolder() ?? '/' } = options
  if (!configured) return firstExecutable(places(env, home), 'claude')
  const path = configured.startsWith('~/') ? join(home, configured.slice(2)) : configured
  const found = path.includes('/') ? (isExecutable(path) ? resolve(path) : null) : firstExecutable(places(env, home), path)
  if (found) return found
  throw new RunnerError('AGENT_CLI_MISSING', `the configured agent CLI ${configured} is not there or cannot be executed`)
}

/** The folders that are searched, in this order. */
function places(env: NodeJS.ProcessEnv, home: string): string[] {
  const npmPrefix = env.NPM_CONFIG_PREFIX || env.npm_config_prefix || prefixInNpmrc(home)
  return [
    ...(env.PATH ?? '').split(delimiter).filter(Boolean),
    join(home, '.claude', 'local'),
    join(home, '.claude', 'bin'),
    join(home, '.local', 'bin'),
    '/usr/local/bin',
    '/opt/homebrew/bin',
    ...(npmPrefix ? [join(npmPrefix, 'bin')] : []),
    // npm's global folder without a prefix is the one that Node itself is in.
    dirname(process.execPath),
    join(home, '.npm-global', 'bin'),
  ]
}

function firstExecutable(folders: string[], name: string): string | null {
  const found = folders.map(folder => join(folder, name)).find(isExecutable)
  return found === undefined ? null : resolve(found)
}

/** Whether this is a file that may be executed. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function prefixInNpmrc(home: string): string | null {
  try {
    const prefix = prefixIn(readFileSync(join(home, '.npmrc'), 'utf8'))
    return prefix ? prefix.replace(/^~(?=\/|$)|\$\{HOME\}/, home) : null
  } catch {
    return null
  }
}

/** The prefix that a line of npm's settings names. */
export function prefixIn(settings: string): string | null {
  for (const line of settings.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0 && line.slice(0, at).trim() === 'prefix') return line.slice(at + 1).trim() || null
  }
  return null
}
