import { setTimeout as delay } from 'node:timers/promises'
import { openControlPlaneHttp } from '../../src/connectors/control-plane/http/control-plane-http.ts'
import { asRunnerError } from '../../src/core/errors.ts'
import type { AgentIdentity, Task } from '../../src/core/task.ts'

/** What outlives a runner that is killed: the run in hand, and how far its timeline is written. */
interface Journal {
  task: Task | null
  runId: string
  seq: number
}

const STEPS = 4

/**
 * A runner elsewhere, as small as it can be: takes a task, tells of four steps, reports. It can be killed at any moment; whoever starts next
 * under its name goes on from the journal. Without its journal, as on a disk that was lost, its run comes back by its lease.
 */
export class FleetRunner {
  readonly agent: AgentIdentity
  readonly #url: string
  readonly #journal: Journal = { task: null, runId: '', seq: 0 }
  #life = new AbortController()
  #ended: Promise<void> = Promise.resolve()
  /** Runs whose report was acknowledged, in order. */
  readonly reported: string[] = []

  constructor(url: string, name: string) {
    this.#url = url
    this.agent = { id: name, role: 'fullstack_dev', level: 'senior' }
  }

  start(): void {
    this.#life = new AbortController()
    this.#ended = this.#live(this.#life.signal)
  }

  /** Ends it in the middle of whatever it does; requests are cut off. `forgetting`: its journal is lost too. */
  async kill({ forgetting }: { forgetting: boolean }): Promise<void> {
    this.#life.abort()
    await this.#ended
    if (forgetting) this.#journal.task = null
  }

  async #live(life: AbortSignal): Promise<void> {
    const tracker = openControlPlaneHttp({ url: this.#url, key: null, requestTimeoutMs: 3_000, project: 'shop', machine: this.agent.id })
    const { agent } = this
    const journal = this.#journal
    while (!life.aborted) {
      try {
        if (!journal.task) {
          const task = await tracker.look(agent, 2, life)
          if (!task?.runId) continue
          Object.assign(journal, { task, runId: task.runId, seq: 0 })
        }
        const task = journal.task as Task
        const { runId } = journal
        if ((await tracker.claim(agent, task, runId, life)) === 'taken') {
          journal.task = null
          continue
        }
        for (; journal.seq < STEPS; journal.seq++) {
          const event = { type: 'agent_text', text: `step ${journal.seq + 1}`, at: new Date().toISOString(), seq: journal.seq + 1 } as const
          await tracker.mirror!.publish(agent, runId, [{ ...event, runId, agentId: agent.id }], life)
        }
        const ended = await tracker.report(agent, task, { status: 'dev_done', note: `done\n\n${runId}`, runId }, life)
        if (ended === 'reported') this.reported.push(runId)
        journal.task = null
      } catch (thrown) {
        if (life.aborted) break
        if (asRunnerError(thrown).kind === 'lost') journal.task = null
        else await delay(50 + Math.random() * 200, undefined, { signal: life }).catch(() => {})
      }
    }
    tracker.close()
  }
}
