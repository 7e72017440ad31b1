import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { MASK } from '../../core/redaction.ts'
import { holdsPassword, isSecret, SECRET_FLAG } from '../../core/secrets.ts'
import { processRow } from './process-table.ts'
import { selfCommand } from './self.ts'

interface Secrets {
  env: Record<string, string>
  /** Arguments with secrets, by their place. */
  args: Record<number, string>
}

/**
 * Takes keys, tokens and passwords out of what the system shows of this process: every process of the same user can read the environment
 * that it was started with, and everybody its arguments, as long as it lives. This program itself still finds them. On Linux they are
 * overwritten in memory; where that is not allowed, or on other systems, the program is started once more in the same process, without
 * them. Where a process cannot be replaced either (see `canHideSecrets`) they stay. Without a secret nothing is done.
 */
export function hideOwnSecrets(): void {
  if (process.env[AT] !== undefined) {
    takeBack(Number(process.env[AT]))
    return
  }
  const secrets = shown()
  if (Object.keys(secrets.env).length + Object.keys(secrets.args).length === 0) return
  if (overwrite(secrets) || !canHideSecrets()) return
  startAgain(secrets)
}

/** Overwrites the secrets in the memory that the system shows, and returns whether it shows none any more. */
function overwrite(secrets: Secrets): boolean {
  if (process.platform !== 'linux') return false
  let memory: number | null = null
  try {
    // Fields 48 to 51: where arguments and environment begin and end.
    const fields = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number)
    const [argStart = 0, argEnd = 0, envStart = 0, envEnd = 0] = fields.slice(45, 49)
    memory = openSync('/proc/self/mem', 'r+')
    const args = entriesAt(memory, argStart, argEnd)
    const own = args.slice(args.length - (process.argv.length - 2))
    for (const n of Object.keys(secrets.args).map(Number)) write(memory, own[n]!, Buffer.from(MASK.padEnd(own[n]!.bytes.length)))
    // The C library points into this memory until the variable is set anew.
    for (const name of Object.keys(secrets.env)) delete process.env[name]
    for (const entry of entriesAt(memory, envStart, envEnd))
      if (Object.hasOwn(secrets.env, nameOf(entry))) write(memory, entry, Buffer.alloc(entry.bytes.length))
    return entriesAt(memory, envStart, envEnd).every(entry => !Object.hasOwn(secrets.env, nameOf(entry)))
  } catch {
    return false
  } finally {
    if (memory !== null) closeSync(memory)
    Object.assign(process.env, secrets.env)
  }
}

interface Entry {
  at: number
  bytes: Buffer
}

/** The texts between the NULs in a piece of this process's memory. */
function entriesAt(memory: number, start: number, end: number): Entry[] {
  const all = Buffer.alloc(end - start)
  if (readSync(memory, all, 0, all.length, start) < all.length) throw new Error('the memory could not be read')
  const entries: Entry[] = []
  for (let at = 0; at < all.length; ) {
    const stop = all.indexOf(0, at)
    const bytes = all.subarray(at, stop < 0 ? all.length : stop)
    entries.push({ at: start + at, bytes })
    at += bytes.length + 1
  }
  return entries
}

function write(memory: number, { at, bytes }: Entry, text: Buffer): void {
  writeSync(memory, text, 0, bytes.length, at)
}

function nameOf({ bytes }: Entry): string {
  const text = bytes.toString()
  return text.slice(0, text.indexOf('='))
}

/** The file descriptor on which the second start finds what the first one took out. */
const AT = 'AGENT_RUNNER_SECRETS_AT'
/** The variable that the shell in between holds for a moment. */
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

/** Returns only by throwing, and then the secrets are still where they were. */
function startAgain(secrets: Secrets): void {
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !(name in secrets.env)))
  const args = process.argv.slice(2).map((arg, n) => (n in secrets.args ? MASK : arg))
  process.execve?.('/bin/sh', ['sh', '-c', SCRIPT, 'sh', ...selfCommand(), ...args], { ...rest, [HELD]: JSON.stringify(secrets) })
}

function takeBack(descriptor: number): void {
  delete process.env[AT]
  const { env, args }: Secrets = JSON.parse(readFileSync(descriptor, 'utf8'))
  closeSync(descriptor)
  Object.assign(process.env, env)
  for (const [n, arg] of Object.entries(args)) process.argv[Number(n) + 2] = arg
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
