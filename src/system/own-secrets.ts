import { closeSync, readFileSync } from 'node:fs'
import { MASK } from '../core/redaction.ts'
import { holdsPassword, isSecret, SECRET_FLAG } from '../core/secrets.ts'
import { processRow } from './process-table.ts'
import { selfCommand } from './self.ts'

/** Where the second start finds what the first one took out: a file descriptor. */
const AT = 'AGENT_RUNNER_SECRETS_AT'
/** What the shell in between holds for a moment. */
const HELD = 'AGENT_RUNNER_SECRETS'

/**
 * The shell puts the secrets into a pipe that its successor reads, and replaces itself: the process stays the same, so do its parent and
 * streams. (For more than a pipe takes at once it leaves a process that writes.)
 */
const SCRIPT = `exec 9<<END
$${HELD}
END
unset ${HELD}
export ${AT}=9
exec "$@"`

interface Secrets {
  env: Record<string, string>
  /** Arguments with secrets, by their place. */
  args: Record<number, string>
}

/**
 * Takes keys, tokens and passwords out of what the system shows of this process: every process of the same user can read the environment
 * that it was started with, and everybody its arguments, as long as it lives. What was shown at the start cannot be changed from within, so
 * the program is started once more in the same process, without them, and finds them on a pipe. For this program they are where they were.
 * Without a secret nothing is done. Where a process cannot be replaced (see `canHideSecrets`) they stay.
 */
export function hideOwnSecrets(): void {
  if (process.env[AT] !== undefined) {
    takeBack(Number(process.env[AT]))
    return
  }
  const secrets = shown()
  if (Object.keys(secrets.env).length + Object.keys(secrets.args).length === 0 || !canHideSecrets()) return
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !(name in secrets.env)))
  const args = process.argv.slice(2).map((arg, n) => (n in secrets.args ? MASK : arg))
  // Only returns by throwing, and then the secrets are still where they were.
  process.execve?.('/bin/sh', ['sh', '-c', SCRIPT, 'sh', ...selfCommand(), ...args], { ...rest, [HELD]: JSON.stringify(secrets) })
}

/** Whether this system lets a program replace itself. */
const canHideSecrets = () => process.execve !== undefined && process.platform !== 'win32'

/** Processes above this one that show secrets in the environment that they were started with: all of the same user can read them. */
export function secretsShownAbove(): { pid: number; name: string; names: string[] }[] {
  const shown: { pid: number; name: string; names: string[] }[] = []
  for (let row = processRow(process.ppid); row !== null && row.pid > 0; row = processRow(row.parent)) {
    const [name, entries] = [read(row.pid, 'comm').trim(), read(row.pid, 'environ').split('\0')]
    const names = entries.flatMap(entry => {
      const at = entry.indexOf('=')
      return at > 0 && isSecret(entry.slice(0, at), entry.slice(at + 1)) ? [entry.slice(0, at)] : []
    })
    if (names.length > 0) shown.push({ pid: row.pid, name, names })
  }
  return shown
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

function takeBack(descriptor: number): void {
  delete process.env[AT]
  const { env, args }: Secrets = JSON.parse(readFileSync(descriptor, 'utf8'))
  closeSync(descriptor)
  Object.assign(process.env, env)
  for (const [n, arg] of Object.entries(args)) process.argv[Number(n) + 2] = arg
}

/** The secrets of the environment and of the arguments. */
function shown(): Secrets {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => isSecret(entry[0], entry[1] ?? '')),
  )
  const words = process.argv.slice(2).map((arg, n, all) => [n, arg, all[n - 1] ?? ''] as const)
  const isFlag = (word: string, withValue: boolean) => SECRET_FLAG.test(word) && word.includes('=') === withValue
  const isShown = (arg: string, before: string) => isFlag(before, false) || isFlag(arg, true) || holdsPassword(arg)
  return { env, args: Object.fromEntries(words.filter(([, arg, before]) => isShown(arg, before)).map(([n, arg]) => [n, arg])) }
}
