import { join, resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { RunnerError } from '../../core/errors.ts'
import type { RunRecord } from '../../core/run.ts'
import { readLockFile } from '../../machine/journal/lock-file.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { type KeptPiece, type KeptWork, openConfiguredKeptWork } from '../compose/kept-work.ts'
import { findRun, type RunResult, runResult, storedRuns, unfinishedRuns } from '../logs/stored-runs.ts'

/** A piece of kept work with everything that this machine knows about its run. */
export interface KnownPiece {
  piece: KeptPiece
  /** How a user names it: `run_…/1`, or a path. */
  name: string
  runId: string | null
  task: { id: string; title: string } | null
  agentId: string | null
  /** Why the run ended; null when it has not, or nobody knows. */
  reason: string | null
  /** Epoch milliseconds. */
  at: number
  /** The run is not over: its next attempt or its end may still change this. */
  unfinished: boolean
  /** The user's own changes as they were before the agent began, not the agent's work. */
  beforeStart: boolean
}

export interface Shelf {
  work: KeptWork
  pieces: KnownPiece[]
}

/** All kept work, with tasks and reasons where the state folder knows them. */
export async function openShelf(config: Config): Promise<Shelf> {
  const { home } = config.values
  const ended = storedRuns(home).flatMap(run => runResult(home, run) ?? [])
  const unfinished = unfinishedRecords(home)
  const busy = unfinished.flatMap(({ workspace, inherited }) => workspace?.path ?? inherited?.path ?? [])
  const places = [...new Set(ended.flatMap(result => result.kept ?? []))]
  const work = await openConfiguredKeptWork(config, places, busy)
  const pieces = (await work.list()).map(piece => known(piece, home, ended, unfinished))
  return { work, pieces: pieces.sort((a, b) => b.at - a.at) }
}

function known(piece: KeptPiece, home: string, ended: RunResult[], unfinished: RunRecord[]): KnownPiece {
  const result = ended.find(one => (piece.kind === 'ref' ? one.run_id === piece.runId : one.kept === piece.path)) ?? null
  const runId = piece.kind === 'ref' ? piece.runId : (result?.run_id ?? null)
  const record = unfinished.find(one => one.runId === runId)
  const task = record?.task ?? (result && { id: result.task_id, title: result.title }) ?? (runId === null ? null : taskTaken(home, runId))
  return {
    piece,
    name: piece.kind === 'ref' ? piece.ref.replace(/^refs\/agent-runner\//, '') : piece.path,
    runId,
    task: task && { id: task.id, title: task.title },
    agentId: record?.agent.id ?? result?.agent_id ?? null,
    reason: record ? null : (result?.reason ?? null),
    at: piece.kind === 'worktree' && result ? Date.parse(result.finished_at) || piece.at : piece.at,
    unfinished: record !== undefined,
    beforeStart: piece.kind === 'ref' && piece.ref.endsWith('/start'),
  }
}

/** The task of a run that has neither lock file nor result, from its timeline. */
function taskTaken(home: string, runId: string): { id: string; title: string } | null {
  if (!storedRuns(home).includes(runId)) return null
  const taken = openRunFiles(home)
    .events(runId)
    .find(event => event.type === 'task_taken')
  return taken?.type === 'task_taken' ? taken.task : null
}

function unfinishedRecords(home: string): RunRecord[] {
  return [...unfinishedRuns(home).values()].flatMap(({ agentId }) => {
    try {
      return readLockFile(join(home, 'locks', `agent-${agentId}.lock`))
    } catch {
      // It was finished in the meantime.
      return []
    }
  })
}

/** The pieces that a word means: one ref, one worktree, or all that a run has left. Throws USAGE when there are none. */
export function findPieces(pieces: KnownPiece[], word: string, place: { home: string; cwd: string }): KnownPiece[] {
  const path = resolve(place.cwd, word)
  const exact = pieces.filter(({ piece, name }) => name === word || (piece.kind === 'ref' ? piece.ref === word : piece.path === path))
  if (exact.length > 0) return exact
  const [runPart = '', number] = word.replace(/^refs\/agent-runner\//, '').split('/')
  const runs = [...new Set(pieces.flatMap(({ runId }) => runId ?? []))]
  const run = runs.includes(runPart) ? runPart : (alike(runs, runPart) ?? runByWord(place.home, runPart))
  const found = pieces.filter(({ runId, name }) => runId !== null && runId === run && (number === undefined || name === `${run}/${number}`))
  if (found.length > 0) return found
  throw new RunnerError('USAGE', `nothing is kept under the name ${JSON.stringify(word)}`, {
    advice: '`agent-runner rescue list` shows all.',
  })
}

/** The one run whose id begins or ends like this. */
function alike(runs: string[], word: string): string | null {
  const bare = word.replace(/^run_/, '')
  const found = bare.length < 3 ? [] : runs.filter(run => run.startsWith(`run_${bare}`) || run.endsWith(bare))
  if (found.length > 1)
    throw new RunnerError('USAGE', `${JSON.stringify(word)} can mean ${found.length} runs: ${found.slice(0, 3).join(', ')}`)
  return found[0] ?? null
}

/** The run that an agent's or task's name means. */
function runByWord(home: string, word: string): string | null {
  try {
    return findRun(home, word)
  } catch {
    return null
  }
}
