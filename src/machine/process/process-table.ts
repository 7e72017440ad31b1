import { readdirSync, readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import type { ProcessIdentity } from '../../core/run.ts'
import { groupsIn } from './groups.ts'
import { runNow } from './run-now.ts'

/** One live process as the system shows it. Zombies are not listed, since they are dead, nor are threads of the kernel. */
export interface ProcessRow extends ProcessIdentity {
  parent: number
  group: number
  /** Processor time used so far, in the system's ticks (1/100 s); 0 where it is not told. */
  cpu: number
}

/** The id of this boot. On Linux the kernel's boot_id, elsewhere the boot time. */
export function bootId(): string {
  known ??= process.platform === 'linux' ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : bootTime()
  return known
}
let known: string | undefined

/** The untranslated output of a program of the system. Throws when the program fails. */
function printedBy(file: string, args: string[]): string {
  const { status, stdout, error } = runNow({ need: 'probe', file, args, set: { LC_ALL: 'C' } })
  if (status !== 0) throw error ?? new Error(`${file} ended with ${status}`)
  return stdout.toString()
}

function bootTime(): string {
  return printedBy('sysctl', ['-n', 'kern.boottime']).trim()
}

/** The process with that pid; null when there is none, or only a zombie. */
export function processRow(pid: number): ProcessRow | null {
  if (process.platform === 'linux') return linuxRow(pid)
  return psRows(['-p', String(pid)])[0] ?? null
}

/** All live processes that this user may see. */
export function processRows(): ProcessRow[] {
  if (process.platform !== 'linux') return psRows(['-A'])
  const rows: ProcessRow[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const row = Number.isInteger(pid) ? linuxRow(pid) : null
    if (row) rows.push(row)
  }
  return rows
}

/** Only our own names are looked for, so only they are remembered. */
const OUR_NAMES = 'AGENT_RUNNER_'
/** A process younger than this may still be about to replace its program, and with it its environment. In seconds. */
const SETTLED = 2
const settled = new Map<string, string>()
const settledGroups = new Map<string, string[]>()

/**
 * Whether the process was started with `entry` (NAME=value, a name of ours) in its environment. Processes of other users cannot be read
 * and answer false. Elsewhere than on Linux `ps -E` is read, which shows less: there a process that changed its title is missed. `now`:
 * seconds since boot, for callers that ask about many processes.
 */
export function startedWith(row: ProcessRow, entry: string, now = uptime()): boolean {
  return oursOf(row, now).includes(`\0${entry}\0`)
}

/** What a name of ours was set to in the environment that the process was started with, by the same rules; null when it was not set. */
export function startedAs(row: ProcessRow, name: string, now: number): string | null {
  const [, after] = oursOf(row, now).split(`\0${name}=`, 2)
  return after === undefined ? null : after.slice(0, after.indexOf('\0'))
}

/**
 * The names of our groups that a process is in (see `groups.ts`), also for processes of other users and for those that dropped their
 * environment.
 */
export function groupsOf({ pid, start }: ProcessRow, now = uptime()): string[] {
  if (process.platform !== 'linux') return []
  const key = `${pid}:${start}`
  const known = settledGroups.get(key)
  if (known !== undefined) return known
  let groups: string[] = []
  try {
    groups = groupsIn(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
  } catch {
    // It is gone.
  }
  if (Number(start) / 100 < now - SETTLED) {
    if (settledGroups.size > 10_000) settledGroups.clear()
    settledGroups.set(key, groups)
  }
  return groups
}

/** The entries of its environment that have one of our names, each between two zero bytes. */
function oursOf({ pid, start }: ProcessRow, now: number): string {
  const key = `${pid}:${start}`
  const known = settled.get(key)
  if (known !== undefined) return known
  const environment = environmentOf(pid)
  const ours = `\0${environment
    .split('\0')
    .filter(line => line.startsWith(OUR_NAMES))
    .join('\0')}\0`
  // A process that shows no environment at all is replacing its program just now.
  if (environment !== '' && Number(start) / 100 < now - SETTLED) {
    if (settled.size > 10_000) settled.clear()
    settled.set(key, ours)
  }
  return ours
}

function environmentOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/environ`, 'utf8')
    return printedBy('ps', ['-E', '-ww', '-o', 'command=', '-p', String(pid)])
      .trim()
      .replaceAll(' ', '\0')
  } catch {
    return ''
  }
}

/** PF_KTHREAD of Linux's sched.h. A third of an idle machine's processes are threads of the kernel, and they are never ours. */
const KERNEL_THREAD = 0x00200000

function linuxRow(pid: number): ProcessRow | null {
  try {
    // Read it as UTF-8, for which Node needs one system call; invalid bytes in a name do not matter here.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may itself hold spaces and parentheses: count fields after the last one. proc(5).
    const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 20)
    if (field[0] === 'Z' || field[0] === 'X' || Number(field[6]) & KERNEL_THREAD) return null
    return {
      bootId: bootId(),
      pid,
      start: field[19] ?? '',
      parent: Number(field[1]),
      group: Number(field[2]),
      cpu: Number(field[11]) + Number(field[12]),
    }
  } catch {
    return null
  }
}

function psRows(select: string[]): ProcessRow[] {
  let text: string
  try {
    text = printedBy('ps', [...select, '-o', 'pid=,ppid=,pgid=,stat=,lstart='])
  } catch {
    return []
  }
  return text.split('\n').flatMap(line => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line)
    if (!match || match[4]?.startsWith('Z')) return []
    return [{ bootId: bootId(), pid: Number(match[1]), parent: Number(match[2]), group: Number(match[3]), start: match[5] ?? '', cpu: 0 }]
  })
}
