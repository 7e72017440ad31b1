import type { StampedEvent } from '../core/event.ts'
import { LIMITS } from '../core/limits.ts'
import { type Board, type BoardOptions, boardOn } from './board.ts'
import { pageOfAll, pageOfRun } from './events/event-pages.ts'
import { type EventFilter, lastCursor } from './events/event-rows.ts'
import { type LogLine, publish } from './events/mirror.ts'
import { entrance, speakAs } from './keys/agent-keys.ts'
import { type Answer, keptAnswer, once, type Repeatable } from './keys/idempotency.ts'
import { createKey, findKey, goodKeys, isUseDue, listKeys, markUsed, revokeKey } from './keys/keys.ts'
import { finishRemovals, removeProject } from './projects/project-removal.ts'
import { changeProject, createProject, listProjects, type ProjectDraft, projectAt, projectFor, projectOf } from './projects/projects.ts'
import { type Ages, retain } from './projects/retention.ts'
import { readStorage } from './projects/storage.ts'
import { holding } from './queue/claims.ts'
import { renew } from './queue/leases.ts'
import { type LeaseOptions, queueOn } from './queue/queue.ts'
import type { Concern } from './queue/waiting-room.ts'
import { countBusy, countWorkers } from './queue/worker-counts.ts'
import { type Claimer, listWorkers, touchWorker, workerNamed } from './queue/workers.ts'
import { getArtifact, listArtifacts, putArtifact } from './runs/artifacts.ts'
import { type Conclusion, conclude, type Holder } from './runs/endings.ts'
import { runRow, toRun } from './runs/run-rows.ts'
import { countRuns, createRun, listRuns, type RunDraft, type RunFilter } from './runs/runs.ts'
import { directive, pause, resume, stop } from './runs/steering.ts'
import { openWishes } from './runs/wish-rows.ts'
import { openStore } from './store/open-store.ts'
import type { PageWish } from './store/paging.ts'
import type { KeyKind } from './store/schema.ts'
import type { Store } from './store/store.ts'
import { transact } from './store/transaction.ts'
import type { TaskDraft } from './tasks/draft.ts'
import { markMentionsRead, readMentions } from './tasks/mentions.ts'
import { cancelTask, placeTask, requeueTask, retryRun } from './tasks/task-moves.ts'
import { readHistory, taskOf } from './tasks/task-rows.ts'
import { addNote, addTask, listTasks, type TaskFilter } from './tasks/tasks.ts'

/**
 * Who asks: with `customer` null the caller sees everything of all customers; `name` is written into histories. Data of another customer
 * seems not to exist.
 */
export interface Caller {
  customer: string | null
  name: string
  /** The worker key by which somebody asks, who may speak only for the agents that it registered; none for all others. */
  workerKey?: string | null
}

export interface ControlPlaneOptions extends Partial<LeaseOptions> {}

/** Projects, tasks, runs, events and workers, with all their rules, over whatever store. Embedded it is called directly, by a server over HTTP. */
export interface ControlPlane extends Parts {
  /** Does something once per key, in one transaction with what `act` does on the plane that it is given. */
  once(caller: Caller, request: Repeatable, act: (plane: ControlPlane) => Promise<Answer>): Promise<Answer & { repeated: boolean }>
}

type Parts = ReturnType<typeof partsOn>

/** How long a claim holds when nothing else is said, and how often it may be lost. */
const LEASE: LeaseOptions = { leaseMs: 90_000, maxExpiries: 5 }

/** The control plane in this SQLite file, which is made when missing, or PostgreSQL database (`postgres://…`). Others may have it open. Throws STATE_UNUSABLE. */
export async function openControlPlane(url: string, options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  return controlPlaneOn(await openStore(url), { ...LEASE, ...options })
}

function controlPlaneOn(store: Store, options: LeaseOptions): ControlPlane {
  return {
    ...partsOn(store, options),
    once: (caller, request, act) =>
      transact(store, tx => {
        const inside: Store = {
          ...store,
          read: query => query(tx.db),
          write: change => change(tx.db),
          tell: (_db, topics) => {
            for (const topic of topics) tx.concerns(topic)
          },
          told: () => {},
        }
        return once(tx, caller.customer ?? '', request, () => act(controlPlaneOn(inside, options)))
      }),
  }
}

function partsOn(store: Store, options: LeaseOptions) {
  const { read } = store
  const { quota = null } = options
  const write = <T>(change: Parameters<typeof transact<T>>[1]) => transact(store, change, quota)
  const asHolder = <T>(caller: Caller, { agentId }: Holder, change: Parameters<typeof transact<T>>[1]) =>
    write(async tx => {
      await speakAs(tx.db, caller, agentId)
      return change(tx)
    })
  return {
    /** Where it is kept, for people; without a password. */
    url: store.url,
    kind: store.differs.kind,

    projects: {
      /** Throws EXISTS when there is one of this name. */
      create: (caller: Caller, draft: ProjectDraft) => write(tx => createProject(tx, caller.customer ?? draft.customer ?? '', draft)),
      list: (caller: Caller, wish: PageWish & { name?: string; localPath?: string } = {}) =>
        read(db => listProjects(db, caller.customer, wish)),
      get: (caller: Caller, id: string) => read(db => projectOf(db, caller.customer, id)),
      change: (caller: Caller, id: string, change: Partial<ProjectDraft>) => write(tx => changeProject(tx, caller.customer, id, change)),
      /** With its tasks, runs and timelines; gone for everybody at once. The signal leaves what is left of the deleting to `finishRemovals`. Throws EXISTS while a run of it is not over. */
      remove: (caller: Caller, id: string, signal?: AbortSignal) => removeProject(store, caller.customer, id, signal),
      /** Goes on with deletions that were cut short. */
      finishRemovals: (signal?: AbortSignal) => finishRemovals(store, signal),
      /** The project of a repository, made when there is none. */
      at: (caller: Caller, localPath: string) => write(tx => projectAt(tx, caller.customer ?? '', localPath)),
    },

    tasks: {
      /** Adds a task, with a QUEUED run when it waits for an agent. */
      add: (caller: Caller, { projectId, ...draft }: TaskDraft & { projectId?: string }) =>
        write(async tx => {
          const project = await projectFor(tx.db, caller.customer, projectId)
          const { customer } = project
          const { id } = await addTask(tx, { projectId: project.id, customer }, draft, caller.name)
          return taskOf(tx.db, customer, id)
        }),
      list: (caller: Caller, filter: TaskFilter = {}) => read(db => listTasks(db, caller.customer, filter)),
      /** With its history, oldest first. */
      get: (caller: Caller, id: string) =>
        read(async db => ({ ...(await taskOf(db, caller.customer, id)), history: await readHistory(db, id) })),
      cancel: (caller: Caller, id: string) => write(tx => cancelTask(tx, caller.customer, id, caller.name)),
      requeue: (caller: Caller, id: string) => write(tx => requeueTask(tx, caller.customer, id, caller.name)),
      move: (caller: Caller, id: string, status: string, note = '') =>
        write(tx => placeTask(tx, caller.customer, id, status, caller.name, note)),
      note: (caller: Caller, id: string, text: string) => write(tx => addNote(tx, caller.customer, id, text, caller.name)),
    },

    runs: {
      /** A task with its QUEUED run. */
      create: (caller: Caller, draft: RunDraft) => write(async tx => toRun(await createRun(tx, caller.customer, draft, caller.name))),
      list: (caller: Caller, filter: RunFilter = {}) => read(db => listRuns(db, store.differs, caller.customer, filter)),
      get: (caller: Caller, id: string) => read(async db => toRun(await runRow(db, caller.customer, id))),
      /** A new QUEUED run of the same task. Throws RUN_STATE while a run of the task is not over. */
      retry: (caller: Caller, id: string) => write(async tx => toRun(await retryRun(tx, caller.customer, id, caller.name))),
      counts: (caller: Caller) => read(db => countRuns(db, caller.customer)),
      pause: (caller: Caller, id: string) => write(tx => pause(tx, caller, id)),
      resume: (caller: Caller, id: string) => write(tx => resume(tx, caller, id)),
      stop: (caller: Caller, id: string, reason = '') => write(tx => stop(tx, caller, id, reason)),
      directive: (caller: Caller, id: string, wish: Parameters<typeof directive>[3]) => write(tx => directive(tx, caller, id, wish)),
    },

    events: {
      ofRun: (caller: Caller, runId: string, filter: EventFilter & { newest?: boolean } = {}) =>
        read(async db => (await pageOfRun(db, await runRow(db, caller.customer, runId), filter)).items),
      all: (caller: Caller, filter: EventFilter & { projectId?: string } = {}) =>
        read(async db => (await pageOfAll(db, caller.customer, filter)).items),
      /** The same with where to go on, of one run or of all. */
      page: (caller: Caller, runId: string | null, filter: EventFilter & { newest?: boolean; projectId?: string } = {}) =>
        read(async db =>
          runId === null ? pageOfAll(db, caller.customer, filter) : pageOfRun(db, await runRow(db, caller.customer, runId), filter),
        ),
      /** The cursor of the latest event; 0 when there is none. */
      last: () => read(lastCursor),
    },

    workers: {
      register: (caller: Caller, claimer: Claimer) =>
        write(async tx => {
          const enter = await entrance(tx, caller, claimer.id)
          await enter()
          await touchWorker(tx, caller.customer ?? '', claimer)
          return workerNamed(tx.db, caller.customer ?? '', claimer.id)
        }),
      list: (caller: Caller, wish: PageWish = {}) => read(db => listWorkers(db, caller.customer, wish)),
      counts: (caller: Caller) => read(db => countWorkers(db, caller.customer)),
      /** How many of these agents hold a run. */
      busy: (caller: Caller, agentIds: readonly string[]) => read(db => countBusy(db, caller.customer, agentIds)),
    },

    queue: {
      ...queueOn(store, options),
      /** The state of the task from this agent's point of view. */
      holding: (caller: Caller, agent: Claimer, taskId: string) =>
        read(async db => {
          await speakAs(db, caller, agent.id)
          return holding(db, caller.customer, agent, taskId)
        }),
      /** Throws LEASE_LOST. */
      renew: (caller: Caller, holder: Holder) =>
        asHolder(caller, holder, tx => renew(tx, caller.customer, holder, holder.epoch === null ? null : options.leaseMs)),
      /** What is wished of a run and not in `known`, oldest first and as many as a page holds; at once. */
      wanted: (caller: Caller, runId: string, known: readonly string[] = []) =>
        read(async db => {
          const wishes = await openWishes(db, (await runRow(db, caller.customer, runId)).seq)
          let bytes = 0
          return wishes
            .filter(wish => !known.includes(wish.id))
            .filter(({ text }, i) => {
              bytes += Buffer.byteLength(text)
              return i === 0 || bytes <= LIMITS.pageBytes.most
            })
        }),
      /** What a runner tells: events with numbers of its own, then lines without. */
      publish: (caller: Caller, holder: Holder, events: readonly StampedEvent[], lines: readonly LogLine[] = []) =>
        asHolder(caller, holder, tx => publish(tx, caller.customer, holder, events, lines)),
      conclude: (caller: Caller, holder: Holder, taskId: string, conclusion: Conclusion) =>
        asHolder(caller, holder, tx => conclude(tx, caller.customer, holder, taskId, conclusion)),
    },

    storage: {
      /** How many bytes each customer may store; null for any number. */
      quota,
      /** How many are stored, by customer. */
      counts: (caller: Caller) => read(db => readStorage(db, caller.customer)),
    },

    mentions: {
      unread: (caller: Caller, agentId: string) =>
        read(async db => {
          await speakAs(db, caller, agentId)
          return readMentions(db, caller.customer, agentId)
        }),
      markRead: (caller: Caller, agentId: string, ids: string[]) =>
        write(async tx => {
          await speakAs(tx.db, caller, agentId)
          await markMentionsRead(tx, caller.customer, agentId, ids)
        }),
    },

    artifacts: {
      put: (caller: Caller, holder: Holder, artifact: Parameters<typeof putArtifact>[3]) =>
        asHolder(caller, holder, tx => putArtifact(tx, caller.customer, holder, artifact)),
      list: (caller: Caller, runId: string) => read(db => listArtifacts(db, caller.customer, runId)),
      get: (caller: Caller, runId: string, name: string) => read(db => getArtifact(db, store.differs, caller.customer, runId, name)),
    },

    keys: {
      /** Its text is in the answer and never shown again. */
      create: (wish: { kind: KeyKind; customer: string | null; name: string }) => write(tx => createKey(tx, wish)),
      /** The key of this text, marked as used; null when there is none or it was revoked. */
      async verify(text: string) {
        const key = await read(db => findKey(db, text))
        if (key && isUseDue(key)) await write(tx => markUsed(tx, key.id))
        return key
      },
      /** Which of these keys (by id) still open something. */
      good: (ids: readonly string[]) => read(db => goodKeys(db, ids)),
      list: (caller: Caller, wish: PageWish = {}) => read(db => listKeys(db, caller.customer, wish)),
      revoke: (caller: Caller, id: string) => write(tx => revokeKey(tx, caller.customer, id)),
    },

    /** What the same request with the same key was answered; null when it was not yet. Throws USAGE when the key was used for another one. */
    answered: (caller: Caller, request: Repeatable) => read(db => keptAnswer(db, caller.customer ?? '', request)),

    /** Writes something without meaning, and throws the reason if it cannot be written. */
    proveWrite: () =>
      write(async ({ db, at }) => {
        const row = { id: 1, at }
        await db
          .insertInto('write_probe')
          .values(row)
          .onConflict(conflict => conflict.column('id').doUpdateSet({ at }))
          .execute()
      }),

    /** Deletes timelines by age; returns the number of deleted events. The signal ends it soon. */
    retain: (ages: Ages, signal?: AbortSignal) => retain(store, ages, signal),

    /** The board of one repository, for a runner on this machine. */
    board: (of: BoardOptions = {}): Board => boardOn(store, of),

    /** Looks, and looks again after a relevant change, until there is something or `ms` are over; null then, and after the signal. */
    wait: <T>(concern: Concern, ms: number, signal: AbortSignal, look: () => Promise<T | null>): Promise<T | null> =>
      store.waiting.wait(concern, ms, signal, look),

    /** A text that differs after anybody, here or elsewhere, changed anything that somebody may wait for. */
    mark: () => store.mark(),
    /** True as soon as the mark is another one, false after `ms`. To miss nothing, take the mark before you look. Throws ABORTED. */
    changed: (since: string, ms: number, signal: AbortSignal): Promise<boolean> => store.changed(since, ms, signal),
    close: () => store.close(),
  }
}
