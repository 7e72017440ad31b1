import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { RunnerError } from '../core/errors.ts'
import { plainText } from '../machine/files/plain-file.ts'

/**
 * The pid of a live process that works on a checkout: a git that stands in it or was started for it, or any process that holds
 * one of `files` open. Null when there is none. Without /proc nothing can be seen; then `unseen` is the answer.
 */
export function gitAtWork(
  checkout: string,
  { files = [] as string[], unseen = null as number | null, isAt = standsIn } = {},
): number | null {
  let pids: string[]
  try {
    pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  } catch {
    return unseen
  }
  for (const pid of pids) {
    if (Number(pid) === process.pid) continue
    const name = read(pid, 'comm').trim()
    if (name === 'git' || name.startsWith('git-')) {
      if (isAt(link(pid, 'cwd'), checkout)) return Number(pid)
      const words = `${read(pid, 'cmdline')}\0${read(pid, 'environ')}`
      if (words.split('\0').some(word => word === checkout || word === `GIT_WORK_TREE=${checkout}`)) return Number(pid)
    }
    if (files.length > 0 && openFiles(pid).some(file => files.includes(file))) return Number(pid)
  }
  return null
}

/** Waits until no git works on a checkout any more (one that was started before a crash ends by itself). Throws GIT_FAILED after `ms`. */
export async function waitForGit(checkout: string, ms: number): Promise<void> {
  const until = performance.now() + ms
  for (;;) {
    const pid = gitAtWork(checkout)
    if (pid === null) return
    if (performance.now() > until) throw new RunnerError('GIT_FAILED', `git (pid ${pid}) still works in ${checkout}`)
    await delay(50)
  }
}

/**
 * Removes the locks that a killed git left in a checkout: of its index, its HEAD and its branch. Those that a live git holds are waited
 * for, and left alone in the end. Without /proc, a lock of the last minute counts as held.
 */
export async function clearStaleLocks(gitDir: string, checkout: string): Promise<void> {
  for (const name of ['index.lock', 'HEAD.lock']) await clearLock(join(gitDir, name), checkout, standsIn)
  const head = (plainText(join(gitDir, 'HEAD')) ?? '').trim()
  const common = (plainText(join(gitDir, 'commondir')) ?? '').trim()
  if (head.startsWith('ref: ')) await clearRefLock(resolve(gitDir, common), checkout, head.slice(5))
}

/** The same for the lock of one ref, which any checkout of the repository may hold. */
export async function clearRefLock(commonDir: string, checkout: string, ref: string): Promise<void> {
  const lock = join(commonDir, `${ref}.lock`)
  await clearLock(lock, checkout, isWithin)
  await clearLock(lock, dirname(commonDir), isWithin)
}

async function clearLock(lock: string, checkout: string, isAt: typeof standsIn, ms = 5_000): Promise<void> {
  const until = performance.now() + ms
  while (existsSync(lock)) {
    const seen = stamp(lock)
    const young = seen !== null && Date.now() - seen.mtimeMs < 60_000
    if (gitAtWork(checkout, { files: [lock], unseen: young ? 0 : null, isAt }) === null) {
      // It is the same file as before the search, so nobody has taken the lock meanwhile.
      const now = stamp(lock)
      if (seen && now && seen.ino === now.ino && seen.mtimeMs === now.mtimeMs) rmSync(lock, { force: true })
    } else if (performance.now() > until) return
    else await delay(50)
  }
}

/** Whether the process that a `git worktree lock` reason names (`… (pid 12 start 345)`) lives; null when it names none. */
export function lockHolderLives(reason: string): boolean | null {
  const named = /\bpid[ :=]*(\d+)(?:[ ,]+start[ :=]*(\d+))?/i.exec(reason)
  if (!named) return null
  const pid = Number(named[1])
  try {
    process.kill(pid, 0)
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
  const fields = read(String(pid), 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
  // A dead process that is not yet collected answers signals too.
  if (fields[0] === 'Z') return false
  return !named[2] || !fields[19] || fields[19] === named[2]
}

/** In the checkout itself: not in a submodule or in another worktree that lies inside it. */
function standsIn(folder: string, checkout: string): boolean {
  if (!isWithin(folder, checkout)) return false
  for (let at = folder; at !== checkout; at = dirname(at)) if (existsSync(join(at, '.git'))) return false
  return true
}

function isWithin(folder: string, top: string): boolean {
  return folder === top || folder.startsWith(top + sep)
}

function stamp(file: string) {
  return statSync(file, { throwIfNoEntry: false }) ?? null
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

function link(pid: string, file: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${file}`)
  } catch {
    return ''
  }
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(fd => link(pid, `fd/${fd}`))
  } catch {
    return []
  }
}
