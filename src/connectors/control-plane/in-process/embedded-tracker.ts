import { resolve } from 'node:path'
import type { Board, BoardOptions } from '../../../board/board.ts'
import { RunnerError } from '../../../core/errors.ts'
import type { Tracker } from '../../../core/ports/tracker.ts'
import type { Wish } from '../../../core/run.ts'
import { onlyTask } from '../../../core/task-schema.ts'

/**
 * Our own board as a tracker, in this process. Given a file, it opens the board at the first call and closes it at the end; the caller
 * keeps and closes a board that is handed in. A lock has no expiry here: the agent's lock file on the same machine says who holds what.
 */
export function openEmbedded(where: Board | string, options: BoardOptions = {}): Tracker {
  let opening: Promise<Board> | undefined
  /** Every call begins here: nothing begins after the signal, and the database is loaded when it is needed first. */
  const board = async (signal: AbortSignal): Promise<Board> => {
    throwIfAborted(signal)
    if (typeof where !== 'string') return where
    opening ??= import('../../../board/board.ts').then(({ openBoard }) => openBoard(where, options))
    return opening.catch(error => {
      // The obstacle may be gone at the next call.
      opening = undefined
      throw error
    })
  }
  return {
    name: 'embedded',
    url: typeof where === 'string' ? resolve(where) : where.url,
    register: async (agent, signal) => (await board(signal)).register(agent),
    async look(agent, waitSeconds, signal) {
      const open = await board(signal)
      const found = await waited(open, waitSeconds, signal, () => open.look(agent))
      return found && onlyTask(found)
    },
    claim: async (agent, task, runId, signal) => (await board(signal)).claim(agent, task.id, runId),
    holding: async (agent, task, signal) => (await board(signal)).holding(agent, task.id),
    heartbeat: async (agent, task, signal) => (await board(signal)).heartbeat(agent, task.id),
    report: async (agent, task, report, signal) => (await board(signal)).report(agent, task.id, report),
    giveBack: async (agent, task, report, signal) => (await board(signal)).giveBack(agent, task.id, report),
    park: async (agent, task, report, signal) => (await board(signal)).park(agent, task.id, report),
    mentions: async (agent, signal) => (await board(signal)).mentions(agent),
    markRead: async (agent, ids, signal) => (await board(signal)).markRead(agent, ids),
    steering: {
      wanted: async (_agent, _task, runId, known, waitSeconds, signal) => {
        const open = await board(signal)
        return (await waited(open, waitSeconds, signal, async () => unknownWishes(await open.wanted(runId), known))) ?? []
      },
      stopped: async (agent, task, report, signal) => (await board(signal)).stopped(agent, task.id, report),
    },
    mirror: {
      publish: async (agent, runId, events, signal) => void (await (await board(signal)).publish(agent, runId, events)),
      upload: async (agent, runId, name, text, signal) => (await board(signal)).upload(agent, runId, name, text),
    },
    ping: async signal => void (await board(signal)).mark(),
    close() {
      opening?.then(opened => opened.close()).catch(() => {})
    },
  }
}

/** Looks, and looks again whenever anybody has changed anything, until there is something or the time is over. */
async function waited<T>(
  board: Pick<Board, 'mark' | 'changed'>,
  seconds: number,
  signal: AbortSignal,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const until = performance.now() + seconds * 1_000
  for (;;) {
    // Take the mark before the look, so that the next look sees a change in between.
    const mark = board.mark()
    const found = await look()
    if (found) return found
    throwIfAborted(signal)
    const left = until - performance.now()
    if (left <= 0 || !(await board.changed(mark, left, signal))) return null
  }
}

/** Those wishes that are not known yet; null when there is none. */
export function unknownWishes(wishes: Wish[], known: readonly string[]): Wish[] | null {
  const fresh = wishes.filter(wish => !known.includes(wish.id))
  return fresh.length > 0 ? fresh : null
}

/** Throws ABORTED after the signal. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new RunnerError('ABORTED', 'stopped')
}
