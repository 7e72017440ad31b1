import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RUN_TAG, taggedProcesses } from '../../machine/process/processes.ts'
import { runNow } from '../../machine/process/run-now.ts'
import type { Written } from './account.ts'

/*
 * What must hold after any crash and recovery, seen from outside: the tracker's record, git, the processes of the machine and its files.
 * The runner's own words do not count. Each function returns what does not hold, in sentences; [] when all is well.
 */

/** A task as its tracker shows it to anybody. */
export interface TaskSeen {
  status: string
  holder: string | null
  notes: string
  /** Every status that it had, in order, with the first one. */
  moves: string[]
}

/**
 * Checks that the task has one of these statuses, that nobody holds it, that it was moved there once, and that one note tells of each
 * end: the last one, and each give-back, which happens when several tasks end alike.
 */
export function notToldOnce(task: TaskSeen, statuses: readonly string[]): string[] {
  const moves = task.moves.filter(move => move === task.status).length
  const notes = task.notes.match(/agent-runner logs run_/g)?.length ?? 0
  const ends = 1 + (statuses.includes('pending') ? task.moves.filter((move, n) => n > 0 && move === 'created').length : 0)
  return [
    ...(statuses.includes(task.status) ? [] : [`it is ${task.status}, not ${statuses.join(' or ')}`]),
    ...(task.holder === null ? [] : [`${task.holder} holds it`]),
    ...(moves === 1 ? [] : [`it was moved to ${task.status} ${moves} times`]),
    ...(notes === ends ? [] : [`it has ${notes} notes of ${ends} ends`]),
  ]
}

/** The files that an agent says it has written and that are neither in a commit of some ref nor in a working tree. */
export function lostWork(repo: string, written: readonly Written[]): Written[] {
  const lost = new Set(written)
  const byFile = Map.groupBy(written, ({ file }) => file)
  const settle = (file: string, text: string | null) => {
    if (text !== null) for (const one of byFile.get(file) ?? []) if (text.includes(one.text)) lost.delete(one)
  }
  for (const folder of workingTrees(repo)) for (const file of byFile.keys()) settle(file, textOf(join(folder, file)))
  if (lost.size === 0) return []
  const objects = git(repo, 'rev-list', '--objects', '--all').split('\n')
  const wanted = objects.flatMap(line => {
    const [sha = '', file = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
    return byFile.has(file) ? { sha, file } : []
  })
  blobs(
    repo,
    wanted.map(({ sha }) => sha),
  ).forEach((text, n) => {
    settle(wanted[n]!.file, text)
  })
  return [...lost]
}

/** The texts of objects, by one git for all of them. */
function blobs(repo: string, shas: readonly string[]): string[] {
  const output = gitBytes(repo, ['cat-file', '--batch'], shas.map(sha => `${sha}\n`).join(''))
  let at = 0
  return shas.map(() => {
    // SHA TYPE SIZE, then the content and a newline.
    const head = output.indexOf(10, at)
    const size = Number(output.toString('latin1', at, head).split(' ')[2])
    at = head + size + 2
    return output.toString('utf8', head + 1, head + 1 + size)
  })
}

/** Processes that carry the tag of one of these runs. */
export function stillRunning(runs: readonly string[]): string[] {
  return runs.flatMap(run => taggedProcesses(RUN_TAG, run).map(({ pid }) => `process ${pid} of ${run} lives`))
}

/**
 * What a run has left behind: lock files, half-written files, worktrees and clones (except those that may stay), locks of git, our notes
 * in its folder, and uncommitted changes.
 */
export function leftBehind(home: string, repo: string, mayStay: (worktree: string) => boolean = () => false): string[] {
  const ours = readdirSync(home, { recursive: true, encoding: 'utf8' })
  const inGit = readdirSync(join(repo, '.git'), { recursive: true, encoding: 'utf8' })
  const changes = git(repo, 'status', '--porcelain').split('\n').filter(Boolean)
  return [
    ...ours.filter(name => name.startsWith('locks/') && name.endsWith('.lock')).map(name => `the lock file ${name} is left`),
    ...ours.filter(name => name.endsWith('.tmp')).map(name => `the temporary file ${name} is left`),
    ...workingTrees(repo)
      .slice(1)
      .filter(path => !mayStay(path))
      .map(path => `the worktree ${path} is left`),
    ...ours
      .filter(name => /^clones\/[^/]+\/[^/]+$/.test(name) && !mayStay(join(home, name)))
      .map(name => `the clone ${name}, or a half of one, is left`),
    ...inGit.filter(name => name.endsWith('.lock') || name.includes('agent-runner-')).map(name => `.git/${name} is left`),
    ...changes.map(change => `the checkout has an uncommitted change: ${change}`),
  ]
}

/** The main working tree, then the others. */
function workingTrees(repo: string): string[] {
  const lines = git(repo, 'worktree', 'list', '--porcelain').split('\n')
  return lines.filter(line => line.startsWith('worktree ')).map(line => line.slice('worktree '.length))
}

/** Runs git in a folder without anybody's settings, and returns its stdout. Throws git's message. */
export function git(folder: string, ...args: string[]): string {
  return gitBytes(folder, args).toString()
}

function gitBytes(folder: string, args: string[], input?: string): Buffer {
  const { status, stdout, stderr, error } = runNow({
    need: 'git',
    file: 'git',
    args,
    cwd: folder,
    set: NO_SETTINGS,
    ...(input !== undefined && { input }),
  })
  if (status !== 0) throw error ?? new Error(`git ${args[0]} ended with ${status}: ${stderr}`)
  return stdout
}

/** The environment in which git reads no settings but the repository's. */
export const NO_SETTINGS = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
