import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessIdentity } from '../core/run.ts'

/** One live process as the system shows it. Zombies are not listed: they are dead. */
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

function bootTime(): string {
  return execFileSync('sysctl', ['-n', 'kern.boottime'], { encoding: 'utf8' }).trim()
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

/**
 * Whether the process was started with `entry` (NAME=value) in its environment. Processes of other users cannot be read
 * and answer false. Elsewhere than on Linux `ps -E` is read, which shows less: there a process that changed its title is missed.
 */
export function startedWith(pid: number, entry: string): boolean {
  try {
    if (process.platform === 'linux') return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${entry}\0`)
    const text = execFileSync('ps', ['-E', '-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
    return ` ${text.trim()} `.includes(` ${entry} `)
  } catch {
    return false
  }
}

function linuxRow(pid: number): ProcessRow | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may itself hold spaces and parentheses: count fields after the last one. proc(5).
    const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (field[0] === 'Z' || field[0] === 'X') return null
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
    text = execFileSync('ps', [...select, '-o', 'pid=,ppid=,pgid=,stat=,lstart='], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    })
  } catch {
    return []
  }
  return text.split('\n').flatMap(line => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line)
    if (!match || match[4]?.startsWith('Z')) return []
    return [{ bootId: bootId(), pid: Number(match[1]), parent: Number(match[2]), group: Number(match[3]), start: match[5] ?? '', cpu: 0 }]
  })
}
