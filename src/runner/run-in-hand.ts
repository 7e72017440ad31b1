import type { EndReason } from '../core/ends.ts'
import type { HookName } from '../core/ports/hooks.ts'
import type { RunRecord, StepName } from '../core/run.ts'
import { disposition } from './attempts/disposition.ts'
import { type Steering, startSteering } from './attempts/steering.ts'
import type { RunnerContext } from './context.ts'
import { type Heartbeat, startHeartbeat } from './heartbeat.ts'
import { hookDocument } from './telling/hook-document.ts'
import { type LiveDiff, startLiveDiff } from './telling/live-diff.ts'
import { type MirrorFeed, startMirror } from './telling/mirror.ts'
import { writeNote } from './telling/note.ts'
import { outgoingNote, outgoingOutput } from './telling/outgoing.ts'

const READY_AFTER_MS = 4

/** One run in the hands of this runner: its journal, and what the steps share. */
export class RunInHand {
  readonly record: RunRecord
  readonly context: RunnerContext
  stopsClaiming = false
  /** When the tracker last proved here that the task is ours, on the boot clock; null when it has not yet. */
  provenAt: number | null = null
  #mirror: MirrorFeed | null = null
  #heartbeat: Heartbeat | null = null
  #steering: Steering | null = null
  /** Fires when the run leaves this runner's hands. */
  readonly #over = new AbortController()

  constructor(record: RunRecord, context: RunnerContext) {
    this.record = record
    this.context = context
  }

  save = (durable?: 'before' | 'beside') => this.context.journal.save(this.record, durable)
  now = () => new Date(this.context.clock.now()).toISOString()
  begun = (step: StepName) => this.record.steps.some(entry => entry.name === step)
  /** From now on people can watch the run, where the tracker supports it. */
  show = () => {
    const { mirror } = this.context.tracker
    if (mirror) this.#mirror ??= startMirror(mirror, this.record, this.context)
  }

  /** From now on people can see what the run has changed, where the tracker supports it and code may leave this machine. */
  showDiff = (): LiveDiff | null => {
    const { tracker, policy } = this.context
    return tracker.mirror && policy.sendsDiff ? startLiveDiff(tracker.mirror, this.record, this.request, this.context) : null
  }

  /** From now on keeps the task ours at the tracker; `atOnce` after a crash, since nobody knows how long ago it was. */
  beat = (atOnce: boolean): Heartbeat => {
    this.#heartbeat ??= startHeartbeat(this.record, this.context, atOnce)
    return this.#heartbeat
  }

  /** From now on listens for what people want of the run. */
  steer = (): Steering => {
    this.#steering ??= startSteering(this.record, this.context, this.save)
    return this.#steering
  }

  endSteering = () => this.#steering?.end()

  endBeat = async () => await this.#heartbeat?.end()

  /** Sends what happened so far, so that people see the end after it. */
  showSoFar = async () => await this.#mirror?.flush()

  /** Sends what people have not seen yet. */
  showRest = async () => await this.#mirror?.finish()

  hide() {
    this.#mirror?.end()
  }

  /** Loads what the coming steps will need, and changes nothing. A step that needs what could not be made ready says so itself. */
  getReady() {
    const { supervision, workspaces, clock } = this.context
    // Not at once: a claim begins with a question whose answer must not be delayed by other work. After that it waits.
    const soon = clock.sleep(READY_AFTER_MS, this.#over.signal)
    soon
      .then(() => {
        supervision.ready(this.record.runId)
        return workspaces.ready(this.request)
      })
      .catch(() => {})
  }

  /** Releases what was made ready and not needed. */
  letGo() {
    this.#over.abort()
    this.context.supervision.unready(this.record.runId)
  }

  /** The reason that the agent step came to. */
  outcome = () => this.record.steps.find(step => step.name === 'agent')?.result as EndReason

  get request() {
    const { runId, task, inherited } = this.record
    return { runId, task, inherited, agentId: this.context.identity.id }
  }

  /** Writes down what the tracker will be told. From here on only the closing steps run. */
  decide = (reason: EndReason, text?: string) => {
    const { record, context } = this
    const durationMs = context.clock.now() - Date.parse(record.lockedAt)
    const decision = disposition(reason, record, text ?? '', context)
    const goesBack = decision.kind === 'give_back'
    const note = writeNote(record, reason, { durationMs, goesBack, text: text ?? outgoingOutput(record, context) })
    record.disposition = { ...decision, note: outgoingNote(note, context) }
  }

  /** Runs a hook. Throws ABORTED when the runner is to leave or `stop` fires; after `stop` soon, since somebody waits for it. */
  async hook(hook: HookName, stop?: AbortSignal) {
    const { record, context } = this
    const name = `hook-${hook}-${record.steps.length}.log`
    const result = await context.hooks.run(
      hook,
      hookDocument(hook, record, context),
      `${context.files.folder(record.runId)}/${name}`,
      context.stops.leaving,
      stop && { signal: stop, graceMs: context.policy.wishGraceMs },
    )
    if (result.path) context.emit({ type: 'hook_finished', hook, ...result, path: result.path }, record.runId)
    return result
  }

  /** The pre_task hook; null when `stop` has ended it. */
  async preTask(stop: AbortSignal) {
    try {
      return await this.hook('pre_task', stop)
    } catch (thrown) {
      if (!stop.aborted) throw thrown
      return null
    }
  }

  /** Makes the workspace. When `stop` fires, it is cut short: then git leaves a whole one, or none. */
  prepareWorkspace = async (stop: AbortSignal) => {
    const { supervision, workspaces } = this.context
    let ending: Promise<unknown> = Promise.resolve()
    // To end git alone is not enough: it would wait for its hooks.
    const end = () => {
      ending = supervision.sweep(this.record.runId).catch(() => {})
    }
    stop.addEventListener('abort', end, { once: true })
    try {
      return await workspaces.prepare(this.request, stop)
    } finally {
      stop.removeEventListener('abort', end)
      await ending
    }
  }

  async refusedHookAnswer(result: Awaited<ReturnType<RunInHand['hook']>>, stop: AbortSignal) {
    const { askHookRefusal, policy } = this.context
    return askHookRefusal ? await askHookRefusal(this.record.task, result, stop) : policy.onHookFailure
  }
}

/** A new run's journal. Nothing is claimed yet. */
export function newRun(task: RunRecord['task'], context: RunnerContext): RunRecord {
  return {
    version: 1,
    runId: task.runId ?? context.newRunId(),
    agent: context.identity,
    task,
    tracker: { name: context.tracker.name, url: context.tracker.url },
    lockedAt: new Date(context.clock.now()).toISOString(),
    steps: [],
    attempts: [],
    workspace: null,
    work: null,
    disposition: null,
    notBefore: null,
    mentions: [],
    wishes: [],
    paused: false,
    kept: null,
    inherited: null,
  }
}
