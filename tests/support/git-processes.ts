import { readdirSync, readFileSync } from 'node:fs'

/** The pids of live processes (of one name, when given) whose environment holds this, other than this one. */
export function processesWith(text: string, name?: string): number[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter(pid => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter(pid => name === undefined || read(pid, 'comm').trim() === name)
    .filter(pid => read(pid, 'environ').split('\0').includes(text))
    .map(Number)
}

/** Kills one process; one that has gone already is as good. */
export function kill(pid: number): void {
  // 0 and below are groups: the test's own, for one.
  if (!(pid > 1)) throw new Error(`${pid} is no process`)
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone.
  }
}
