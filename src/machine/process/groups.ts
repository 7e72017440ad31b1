import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/*
 * A cgroup holds the processes of a run together on Linux, besides the marks in their environment. Whatever a member starts is a member,
 * even if it forks twice, begins a session, drops its environment or becomes another user. A group's name says whose it is, so its
 * members are found by /proc/PID/cgroup, wherever the group was made and by whichever runner. No controller is used, only membership.
 */

/** The folder for our groups in the cgroup in which we were started. */
const FOLDER = 'agent-runner'
/** A younger group without members may be about to get its first. */
const YOUNG_MS = 60_000
/** How often members that are leaving are looked for. */
const LEAVING = 40

/** The name of the group of a run, as it is worked on for an agent (a value of `agentTag`). */
export const runGroup = (runId: string, agent: string) => `${plain(runId)}.${hash(agent)}`

/** Whether a group belongs to a run, whichever agent it works for. */
export const isGroupOfRun = (group: string, runId: string) => group.startsWith(`${plain(runId)}.`)

/** The name of the group of one call of a hook. */
export const callGroup = (callId: string) => `call-${plain(callId)}`

/** The names of our groups that a process is in, by its /proc/PID/cgroup. */
export function groupsIn(text: string): string[] {
  const marker = `/${FOLDER}/`
  return text.split('\n').flatMap(line => (line.includes(marker) ? line.slice(line.indexOf(marker) + 1).split('/') : []))
}

/**
 * Makes groups, one below the other as named, and returns the file that takes the members of the last one; null where there are no
 * groups.
 */
export function openGroup(names: readonly string[]): string | null {
  const place = groupPlace()
  if (place === null) return null
  try {
    const folder = join(place, ...names)
    mkdirSync(folder, { recursive: true })
    return join(folder, 'cgroup.procs')
  } catch {
    return null
  }
}

/** Makes this process a member, and with it everything that it starts. False where there are no groups. Takes some milliseconds. */
export function enterGroup(names: readonly string[]): boolean {
  for (let tries = 0; tries < 3; tries++) {
    const members = openGroup(names)
    if (members === null) return false
    try {
      writeFileSync(members, '0')
      return true
    } catch {
      // It may have been removed meanwhile, since it had no members.
    }
  }
  return false
}

/**
 * The script with which a shell enters a group and becomes the program, so that what the program starts in its first moment is a member
 * too. The group may have been removed meanwhile, since it had no members.
 */
export const ENTER = 'echo 0 2>/dev/null >"$0" || { mkdir -p "$(dirname "$0")" && echo 0 >"$0"; } 2>/dev/null; exec "$@"'

/** Removes a group when it has no members now. */
export function removeEmptyGroup(names: readonly string[]): void {
  const place = groupPlace()
  if (place !== null) removeBelow(join(place, ...names))
}

/** Removes a group that is there and has neither members nor groups below it; returns whether it did. */
export function endedGroup(names: readonly string[]): boolean {
  const place = groupPlace()
  if (place === null) return false
  try {
    rmdirSync(join(place, ...names))
    return true
  } catch {
    return false
  }
}

/**
 * Removes a group and those below it, as far as they have no members. A process that has just ended counts for a moment longer; this
 * waits for it.
 */
export async function removeGroup(names: readonly string[]): Promise<void> {
  const place = groupPlace()
  if (place === null) return
  for (let tries = 0; !removeBelow(join(place, ...names)) && tries < LEAVING; tries++) await delay(5)
}

/** Removes the empty groups that killed runners have left in the place where we make ours. */
export function removeOldGroups(): void {
  const place = groupPlace()
  if (place === null) return
  for (const folder of foldersIn(place)) {
    const { mtimeMs = Date.now() } = statSync(folder, { throwIfNoEntry: false }) ?? {}
    if (Date.now() - mtimeMs > YOUNG_MS) removeBelow(folder)
  }
}

/** Removes a group with everything below it and returns whether it is gone; otherwise it has members. */
function removeBelow(folder: string): boolean {
  for (const one of foldersIn(folder)) removeBelow(one)
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [join(folder, entry.name)] : []))
  } catch {
    return []
  }
}

/** Where this process makes its groups; null where the system has none, or does not allow it to this user. */
export function groupPlace(): string | null {
  found ??= { place: process.platform === 'linux' ? findPlace() : null }
  return found.place
}
let found: { place: string | null } | undefined

/** The unified hierarchy before the old ones, and of those the ones in which membership limits nothing. */
const HIERARCHIES = ['', 'name=systemd', 'pids', 'freezer']

function findPlace(): string | null {
  for (const hierarchy of HIERARCHIES) {
    const own = ownCgroup(hierarchy)
    if (own === null) continue
    const place = join(own, FOLDER)
    try {
      mkdirSync(place, { recursive: true })
      // If we may not leave our own cgroup, we cannot put a member into another one either.
      if (writable(join(own, 'cgroup.procs')) && writable(join(place, 'cgroup.procs'))) return place
    } catch {
      // The next one.
    }
  }
  return null
}

function writable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** The folder of the cgroup in which this process is in a hierarchy; null when it is not to be reached. */
function ownCgroup(hierarchy: string): string | null {
  try {
    const own = readFileSync('/proc/self/cgroup', 'utf8')
      .split('\n')
      .map(line => /^\d+:([^:]*):(.*)$/.exec(line))
      .find(match => match?.[1] === hierarchy)?.[2]
    if (own === undefined || own.startsWith('/..')) return null
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
      // ID parent device root mountpoint options … - type source options. proc_pid_mountinfo(5).
      const [left = '', right = ''] = line.split(' - ')
      const [, , , root = '', mountpoint = ''] = left.split(' ')
      const [type = '', , options = ''] = right.split(' ')
      if (hierarchy === '' ? type !== 'cgroup2' : type !== 'cgroup' || !options.split(',').includes(hierarchy)) continue
      if (root === '/') return join(mountpoint, own)
      if (own === root || own.startsWith(`${root}/`)) return join(mountpoint, own.slice(root.length))
    }
    return null
  } catch {
    return null
  }
}

/** A name that a folder may have. */
const plain = (text: string) => (/^[\w-]{1,120}$/.test(text) ? text : `x${hash(text)}`)

/** FNV-1a in 64 bits. It is used for names alone, because loading a library of hashes takes longer than a hook. */
function hash(text: string): string {
  let value = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n)
  return value.toString(36)
}
