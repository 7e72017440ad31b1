import type { StampedEvent } from '../core/event.ts'
import type { Holding, Report } from '../core/ports/tracker.ts'
import type { Wish } from '../core/run.ts'
import type { AgentIdentity, Mention } from '../core/task.ts'
import { publish } from './events/mirror.ts'
import { findProjectAt, projectAt } from './projects/projects.ts'
import { claim, holding, look } from './queue/claims.ts'
import { listWorkers, touchWorker } from './queue/workers.ts'
import { putArtifact } from './runs/artifacts.ts'
import { type Conclusion, conclude } from './runs/endings.ts'
import { runNamed } from './runs/run-rows.ts'
import { openWishes } from './runs/wish-rows.ts'
import { openLook, openStore } from './store/open-store.ts'
import type { Store } from './store/store.ts'
import { transact } from './store/transaction.ts'
import type { TaskDraft } from './tasks/draft.ts'
import { markMentionsRead, readMentions } from './tasks/mentions.ts'
import { cancelTask, placeTask, requeueTask } from './tasks/task-moves.ts'
import { type BoardTask, type HistoryEntry, readHistory, readTasks, taskOf } from './tasks/task-rows.ts'
import { restingStatusNamed } from './tasks/task-rules.ts'
import { addNote, addTask } from './tasks/tasks.ts'

export type { TaskDraft } from './tasks/draft.ts'
export type { BoardTask, HistoryEntry }

/** An agent as the board knows it. Times are ISO 8601 UTC. */
export interface BoardAgent extends AgentIdentity {
  registeredAt: string
  lastSeen: string
}

/** The name for a person who acts and gives none. */
const PERSON = 'user'
/** Without this, a runner that works for weeks would keep 2 MB of a board of which it reads a few rows per task. */
const CACHE_KB = 256
/** On the machine of its runners there is one customer, which needs no name. */
const CUSTOMER = ''

/** The control plane as the runners on this machine see it: the tasks of one repository, held without a lease, since a lock file says who holds what. */
export type Board = ReturnType<typeof boardOn>

export interface BoardOptions {
  /** The repository whose tasks these are. Added tasks belong to it, and only its tasks are listed and handed out. */
  project?: string
  /** What its agents have that tasks may ask for. */
  labels?: readonly string[]
  /** Only look: nothing is made or changed, a missing board is an empty one, and what would change something fails. */
  look?: boolean
}

/** The board in this SQLite file; it is made when missing. Other processes may have it open. Throws STATE_UNUSABLE. */
export async function openBoard(file: string, options: BoardOptions = {}): Promise<Board> {
  return boardOn(await (options.look ? openLook(file) : openStore(file, { cacheKb: CACHE_KB })), options)
}

/** The board of one repository over an open store. */
export function boardOn(store: Store, { project = '', labels = [] }: BoardOptions) {
  const { read } = store
  const write = <T>(change: Parameters<typeof transact<T>>[1]) => transact(store, change)
  const here = (db: Parameters<typeof findProjectAt>[0]) => findProjectAt(db, CUSTOMER, project)
  const holder = ({ id }: AgentIdentity, runId: string) => ({ agentId: id, runId, epoch: null })
  const end = (agent: AgentIdentity, id: string, runId: string, conclusion: Conclusion) =>
    write(tx => conclude(tx, CUSTOMER, holder(agent, runId), id, conclusion))
  return {
    /** Where the board is kept. */
    url: store.url,

    /** Adds a task to the queue, with its run. Throws USAGE with what is wrong with it, TASK_UNKNOWN for an unknown dependency. */
    addTask: (draft: TaskDraft, by = PERSON): Promise<BoardTask> =>
      write(async tx => {
        const { id: projectId } = await projectAt(tx, CUSTOMER, project)
        const { id } = await addTask(tx, { projectId, customer: CUSTOMER }, draft, by)
        return taskOf(tx.db, CUSTOMER, id)
      }),

    /** The project's tasks, newest first. Throws USAGE for a status that there is not. */
    listTasks: (filter: { status?: string; role?: string; limit?: number } = {}): Promise<BoardTask[]> =>
      read(async db => {
        const { status, role, limit } = filter
        const named = status === undefined || status === 'under_work' ? status : restingStatusNamed(status)
        const found = await here(db)
        if (!found) return []
        return readTasks(db, tasks => {
          let narrowed = tasks.where('tasks.project_id', '=', found.id).orderBy('tasks.seq', 'desc')
          if (named !== undefined) narrowed = narrowed.where('tasks.status', '=', named)
          if (role !== undefined) narrowed = narrowed.where('tasks.role', '=', role)
          return limit === undefined ? narrowed : narrowed.limit(limit)
        })
      }),

    /** One task with its history, oldest first. Throws TASK_UNKNOWN. */
    showTask: (id: string): Promise<BoardTask & { history: HistoryEntry[] }> =>
      read(async db => ({ ...(await taskOf(db, CUSTOMER, id)), history: await readHistory(db, id) })),

    /**
     * Cancels a task for good, also one under work: its agent is stopped at the next heartbeat. Throws TASK_UNKNOWN, or USAGE when it is
     * finished already.
     */
    cancelTask: (id: string, by = PERSON): Promise<BoardTask> => write(tx => cancelTask(tx, CUSTOMER, id, by)),

    /** Puts a parked or cancelled task back into the queue. Throws TASK_UNKNOWN, or USAGE when it is elsewhere. */
    requeueTask: (id: string, by = PERSON): Promise<BoardTask> => write(tx => requeueTask(tx, CUSTOMER, id, by)),

    /** A person moves a task to any status but `under_work` and opens its lock. Throws TASK_UNKNOWN, or USAGE. */
    moveTask: (id: string, status: string, by = PERSON, note = ''): Promise<BoardTask> =>
      write(tx => placeTask(tx, CUSTOMER, id, status, by, note)),

    /** Writes on a task; `@agent-id` in the text reaches that agent. Throws TASK_UNKNOWN. */
    addNote: (id: string, text: string, by = PERSON): Promise<void> => write(tx => addNote(tx, CUSTOMER, id, text, by)),

    /** Every agent that was seen here, the newest first. */
    agents: (): Promise<BoardAgent[]> =>
      read(async db => {
        const { items } = await listWorkers(db, CUSTOMER, { limit: 1_000 })
        return items.map(({ agentId, role, level, registeredAt, lastSeen }) => ({ id: agentId, role, level, registeredAt, lastSeen }))
      }),

    register: (agent: AgentIdentity): Promise<void> => write(async tx => void (await touchWorker(tx, CUSTOMER, { ...agent, labels }))),
    look: (agent: AgentIdentity): Promise<BoardTask | null> =>
      read(async db => {
        const found = await here(db)
        return found ? look(db, { projectId: found.id }, { ...agent, labels }) : null
      }),
    claim: (agent: AgentIdentity, id: string, runId: string): Promise<'ours' | 'taken'> =>
      write(async tx => ((await claim(tx, CUSTOMER, { ...agent, labels }, id, runId, null)) ? 'ours' : 'taken')),
    holding: (agent: AgentIdentity, id: string): Promise<Holding> => read(db => holding(db, CUSTOMER, agent, id)),
    heartbeat: (agent: AgentIdentity, id: string): Promise<Holding> =>
      write(async tx => {
        await touchWorker(tx, CUSTOMER, agent)
        return holding(tx.db, CUSTOMER, agent, id)
      }),
    report: (agent: AgentIdentity, id: string, { status, note, runId }: Report) =>
      end(agent, id, runId, { kind: 'reported', status, note }),
    giveBack: (agent: AgentIdentity, id: string, { note, runId }: Omit<Report, 'status'>) =>
      end(agent, id, runId, { kind: 'given_back', note }),
    park: (agent: AgentIdentity, id: string, { note, runId }: Omit<Report, 'status'>) => end(agent, id, runId, { kind: 'parked', note }),
    /** Ends a run for good, as was wished. Same rules as `report`. */
    stopped: (agent: AgentIdentity, id: string, { note, runId }: Omit<Report, 'status'>) =>
      end(agent, id, runId, { kind: 'stopped', note }),

    /** What is wished of a run and not done yet, oldest first; nothing for one that is not here. */
    wanted: (runId: string): Promise<Wish[]> =>
      read(async db => {
        const run = await runNamed(db, runId)
        return run ? openWishes(db, run.seq) : []
      }),
    /** Adds what the runner tells of its run. Sending some again changes nothing. Throws LEASE_LOST. */
    publish: (agent: AgentIdentity, runId: string, events: readonly StampedEvent[]): Promise<{ ackedSeq: number }> =>
      write(tx => publish(tx, CUSTOMER, holder(agent, runId), events)),
    /** Keeps a text that belongs to the run; replaces one of the same name. Throws LEASE_LOST. */
    upload: (agent: AgentIdentity, runId: string, name: string, body: string): Promise<void> => {
      const contentType = name.endsWith('.json') ? 'application/json' : 'text/plain'
      return write(tx => putArtifact(tx, CUSTOMER, holder(agent, runId), { name, contentType, body }))
    },

    mentions: (agent: AgentIdentity): Promise<Mention[]> => read(db => readMentions(db, CUSTOMER, agent.id)),
    markRead: (agent: AgentIdentity, ids: string[]): Promise<void> => write(tx => markMentionsRead(tx, CUSTOMER, agent.id, ids)),

    /** A text that differs once anybody, here or in another process, has changed anything. Cheap enough to ask several times a second. */
    mark: () => store.mark(),
    /** True as soon as the mark is another one, false after `ms`. To miss nothing, take the mark before you look. Throws ABORTED. */
    changed: (since: string, ms: number, signal: AbortSignal): Promise<boolean> => store.changed(since, ms, signal),
    close: () => store.close(),
  }
}
