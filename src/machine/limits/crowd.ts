import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { runNow } from '../process/run-now.ts'

/** More agents than this at once are mostly leftovers, or too many for the machine. */
const MANY = 10

/** Linux keeps this many characters of a program's name. */
const NAME_LENGTH = 15

/** A warning about the agents that run on this machine, whoever started them; null when they are not many. */
export function crowd(command: string, count = (name: string) => countNamed(name)): string | null {
  const name = basename(command)
  const agents = count(name)
  return agents > MANY ? `${agents} processes named ${name} run on this machine; a task may be slow, and some may be left over` : null
}

/** How many processes bear this name. */
function countNamed(name: string): number {
  const names = process.platform === 'linux' ? linuxNames() : namesOfPs()
  return names.filter(one => one === name.slice(0, process.platform === 'linux' ? NAME_LENGTH : undefined)).length
}

function linuxNames(): string[] {
  return readdirSync('/proc')
    .filter(pid => /^\d+$/.test(pid))
    .map(pid => {
      try {
        return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()
      } catch {
        return ''
      }
    })
}

function namesOfPs(): string[] {
  const { stdout } = runNow({ need: 'probe', file: 'ps', args: ['-A', '-o', 'comm='] })
  return stdout
    .toString()
    .split('\n')
    .map(line => basename(line.trim()))
}
