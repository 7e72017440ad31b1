import { existsSync, readFileSync } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Finding, HookPlace } from './document.ts'

const MB = 1024 * 1024

/** Whether each disk that holds one of the folders has AGENT_RUNNER_MIN_FREE_MB (500) free for this user. One finding per disk. */
export async function diskSpace(folders: string[], { env }: HookPlace): Promise<Finding[]> {
  const least = setting('AGENT_RUNNER_MIN_FREE_MB', 500, env)
  const disks = new Map<number, string>()
  for (const folder of folders) {
    const { path, device } = await nearest(folder)
    disks.set(device, path)
  }
  // Asked beside each other, and not on the main thread: a dead network disk would hold up whoever waits for its answer.
  return Promise.all(
    [...disks.values()].map(async folder => {
      const { bavail, bsize } = await statfs(folder)
      const free = Math.floor((bavail * bsize) / MB)
      const says = `${free} MB free on the disk of ${folder}`
      return free >= least ? { ok: true, says } : { ok: false, says: `only ${says}, ${least} MB are wanted: make room` }
    }),
  )
}

/** Whether AGENT_RUNNER_MIN_MEMORY_MB (200) of memory can still be had. Nothing where the system does not tell (macOS). */
export function memory({ env }: HookPlace): Finding[] {
  if (!existsSync('/proc/meminfo')) return []
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  if (kilobytes === undefined) return []
  const least = setting('AGENT_RUNNER_MIN_MEMORY_MB', 200, env)
  const available = Math.floor(Number(kilobytes) / 1024)
  const says = `${available} MB of memory available`
  return [available >= least ? { ok: true, says } : { ok: false, says: `only ${says}, ${least} MB are wanted: end something` }]
}

function setting(name: string, otherwise: number, env: HookPlace['env']): number {
  const text = env[name]
  if (text === undefined || text.trim() === '') return otherwise
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is "${text}": it must be a number of megabytes`)
  return value
}

/** The folder, or the nearest above it that is there, with the number of its device. */
async function nearest(folder: string): Promise<{ path: string; device: number }> {
  try {
    return { path: folder, device: (await stat(folder)).dev }
  } catch (error) {
    if (dirname(folder) === folder) throw error
    return nearest(dirname(folder))
  }
}
