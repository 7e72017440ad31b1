import { RunnerError } from '../core/errors.ts'
import type { Holding, Report } from '../core/ports.ts'
import type { AgentIdentity, Mention } from '../core/task.ts'
import { type BoardAgent, listAgents, markMentionsRead, readMentions, touchAgent } from './agents.ts'
import { claim, conclude, holding, look } from './claims.ts'
import type { TaskDraft } from './draft.ts'
import { firstStatus, isRestingStatus } from './rules.ts'
import { openSqliteStore, type Store } from './store.ts'
import { type BoardTask, type HistoryEntry, readHistory, readTasks } from './task-rows.ts'
import { addNote, addTask, moveTask, refuseCancel, refuseRequeue, taskOf } from './tasks.ts'

export type { TaskDraft } from './draft.ts'
export type { BoardAgent, BoardTask, HistoryEntry }

/** Who acts when a person does and no name is given. */
const PERSON = 'user'

/** The board of one project: the queue and its rules, over whatever store. Embedded it is called directly, by a server over HTTP. */
export type Board = ReturnType<typeof boardOn>

export interface BoardOptions {
  /** The repository whose tasks these are. Added tasks belong to it, and only its tasks are listed and handed out. */
  project?: string
}

/** The board in this SQLite file; it is made when missing. Other processes may have it open. Throws STATE_UNUSABLE. */
export async function openBoard(file: string, options: BoardOptions = {}): Promise<Board> {
  return boardOn(await openSqliteStore(file), options)
}

function boardOn(store: Store, { project = '' }: BoardOptions) {
  const now = () => new Date().toISOString()
  return {
    /** Where the board is kept. */
    url: store.url,

    /** Adds a task to the queue. Throws USAGE with what is wrong with it, TASK_UNKNOWN for an unknown dependency. */
    addTask: (draft: TaskDraft, by = PERSON): Promise<BoardTask> => store.write(db => addTask(db, project, draft, by)),

    /** The project's tasks, newest first. Throws USAGE for a status that there is not. */
    listTasks: (filter: { status?: string; role?: string; limit?: number } = {}): Promise<BoardTask[]> =>
      store.read(db =>
        readTasks(db, tasks => {
          let narrowed = tasks.where('tasks.project', '=', project).orderBy('tasks.seq', 'desc')
          if (filter.status !== undefined) narrowed = narrowed.where('tasks.status', '=', statusNamed(filter.status))
          if (filter.role !== undefined) narrowed = narrowed.where('tasks.role', '=', filter.role)
          return filter.limit === undefined ? narrowed : narrowed.limit(filter.limit)
        }),
      ),

    /** One task with its history, oldest first. Throws TASK_UNKNOWN. */
    showTask: (id: string): Promise<BoardTask & { history: HistoryEntry[] }> =>
      store.read(async db => ({ ...(await taskOf(db, id)), history: await readHistory(db, id) })),

    /** Takes a task out for good, also one under work: its agent is stopped at the next heartbeat. Throws TASK_UNKNOWN, or USAGE when it is through already. */
    cancelTask: (id: string, by = PERSON): Promise<BoardTask> =>
      store.write(db => moveTask(db, id, () => 'cancelled', { by, refuse: refuseCancel })),

    /** Puts a parked or cancelled task back into the queue. Throws TASK_UNKNOWN, or USAGE when it is elsewhere. */
    requeueTask: (id: string, by = PERSON): Promise<BoardTask> =>
      store.write(db => moveTask(db, id, task => firstStatus(task.role), { by, refuse: refuseRequeue })),

    /** A person moves a task to any status but `under_work` and opens its lock. Throws TASK_UNKNOWN, or USAGE. */
    moveTask: (id: string, status: string, by = PERSON, note = ''): Promise<BoardTask> =>
      store.write(db => moveTask(db, id, () => restingStatusNamed(status), { by, note })),

    /** Writes on a task; `@agent-id` in the text reaches that agent. Throws TASK_UNKNOWN. */
    addNote: (id: string, text: string, by = PERSON): Promise<void> => store.write(db => addNote(db, id, text, by)),

    /** Every agent that was seen here, the latest first. */
    agents: (): Promise<BoardAgent[]> => store.read(listAgents),

    register: (agent: AgentIdentity): Promise<void> => store.write(db => touchAgent(db, agent, now())),
    look: (agent: AgentIdentity): Promise<BoardTask | null> => store.read(db => look(db, project, agent)),
    claim: (agent: AgentIdentity, id: string, runId: string): Promise<'ours' | 'taken'> => store.write(db => claim(db, agent, id, runId)),
    holding: (agent: AgentIdentity, id: string): Promise<Holding> => store.read(db => holding(db, agent, id)),
    heartbeat: (agent: AgentIdentity, id: string): Promise<Holding> =>
      store.write(async db => {
        await touchAgent(db, agent, now())
        return holding(db, agent, id)
      }),
    report: (agent: AgentIdentity, id: string, report: Report) =>
      store.write(db => conclude(db, agent, id, { kind: 'reported', ...report })),
    giveBack: (agent: AgentIdentity, id: string, report: Omit<Report, 'status'>) =>
      store.write(db => conclude(db, agent, id, { ...report, kind: 'given_back' })),
    park: (agent: AgentIdentity, id: string, report: Omit<Report, 'status'>) =>
      store.write(db => conclude(db, agent, id, { ...report, kind: 'parked' })),
    mentions: (agent: AgentIdentity): Promise<Mention[]> => store.read(db => readMentions(db, agent.id)),
    markRead: (agent: AgentIdentity, ids: string[]): Promise<void> => store.write(db => markMentionsRead(db, agent.id, ids, now())),

    /** A text that differs once anybody, here or in another process, has changed anything. Cheap enough to ask several times a second. */
    mark: () => store.mark(),
    close: () => store.close(),
  }
}

function restingStatusNamed(word: string) {
  if (!isRestingStatus(word)) throw new RunnerError('USAGE', `a task cannot be moved to the status ${JSON.stringify(word)}`)
  return word
}

function statusNamed(word: string) {
  return word === 'under_work' ? word : restingStatusNamed(word)
}
