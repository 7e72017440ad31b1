import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

export interface Surroundings {
  cwd: string
  env: NodeJS.ProcessEnv
}

/** Runs a program to its end. Throws with its last words when it ends with anything but 0. */
export async function run(command: string[], { cwd, env }: Partial<Surroundings> = {}): Promise<string> {
  const child = begin(command, { cwd, env })
  let words = ''
  child.stdout!.on('data', chunk => {
    words += chunk
  })
  child.stderr!.on('data', chunk => {
    words += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${words.slice(-2000)}`)
  return words
}

/** Starts a program that goes on. Its output is dropped unless somebody reads it. */
export function begin([file, ...args]: string[], { cwd, env }: Partial<Surroundings>): ChildProcess {
  return spawn(file!, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** TERM, and wait for the end. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'exit')
  child.kill('SIGTERM')
  await closed
}

/** Private memory of a process in MB. Throws where there is no /proc. */
export function privateMemory(pid: number): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}

/** Processor time that a process has used, in clock ticks of 10 ms, user and system. */
export function processorTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** The processes whose arguments contain a word. */
export function processesWith(word: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
          .split('\0')
          .some(argument => argument.includes(word))
      } catch {
        return false
      }
    })
    .map(Number)
    .filter(pid => pid !== process.pid)
}

/** Whether this machine tells what the measurements of memory and processor time need. */
export const hasProc = process.platform === 'linux'
