import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Finding } from './document.ts'

const MB = 1024 * 1024

/** Whether each disk that holds one of the folders has AGENT_RUNNER_MIN_FREE_MB (500) free for this user. One finding per disk. */
export function diskSpace(folders: string[]): Finding[] {
  const least = setting('AGENT_RUNNER_MIN_FREE_MB', 500)
  const disks = new Map(folders.map(nearest).map(folder => [statSync(folder).dev, folder]))
  return [...disks.values()].map(folder => {
    const { bavail, bsize } = statfsSync(folder)
    const free = Math.floor((bavail * bsize) / MB)
    const says = `${free} MB free on the disk of ${folder}`
    return free >= least ? { ok: true, says } : { ok: false, says: `only ${says}, ${least} MB are wanted: make room` }
  })
}

/** Whether AGENT_RUNNER_MIN_MEMORY_MB (200) of memory can still be had. Nothing where the system does not tell (macOS). */
export function memory(): Finding[] {
  if (!existsSync('/proc/meminfo')) return []
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  if (kilobytes === undefined) return []
  const least = setting('AGENT_RUNNER_MIN_MEMORY_MB', 200)
  const available = Math.floor(Number(kilobytes) / 1024)
  const says = `${available} MB of memory available`
  return [available >= least ? { ok: true, says } : { ok: false, says: `only ${says}, ${least} MB are wanted: end something` }]
}

function setting(name: string, otherwise: number): number {
  const text = process.env[name]
  if (text === undefined || text.trim() === '') return otherwise
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is "${text}": it must be a number of megabytes`)
  return value
}

function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder))
}
