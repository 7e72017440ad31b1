import { backoff } from '../../core/backoff.ts'
import { asRunnerError, type RunnerError } from '../../core/errors.ts'
import type { StampedEvent } from '../../core/event.ts'
import { smallEvent } from '../../core/event-size.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Mirror } from '../../core/ports/tracker.ts'
import type { RunRecord } from '../../core/run.ts'
import { firstBytes, storable } from '../../core/storable.ts'
import type { RunnerContext } from '../context.ts'
import { untilAnswered } from '../retry.ts'
import { outgoingEvent } from './outgoing.ts'
import { isPermanent, ship } from './shipping.ts'

/** How often a run's timeline is sent on, in milliseconds, and how much goes at once. */
const EVERY_MS = 2_000
const BATCH = { events: 50, bytes: LIMITS.eventBatchBytes.most }
/** How often the timeline is checked for what must not wait, in milliseconds: somebody has asked for it and watches. */
const LOOK_MS = 100
const URGENT: readonly StampedEvent['type'][] = ['run_paused', 'run_resumed', 'attempt_started']
/** How long a flush may take, in milliseconds. */
const FLUSH_MS = 1_000
/** How far the timeline has been sent: a file of the run, beside the timeline itself, which is the queue. */
const SENT = 'sent.json'

/** Sends a run's timeline to where its tracker lets people watch it. */
export interface MirrorFeed {
  /** Sends what is left, and the run's result and diff. Waits for a tracker that is away; throws ABORTED at a drain. */
  finish(): Promise<void>
  /** Sends what there is so far, if the tracker takes it at once, so that later calls find it there. */
  flush(): Promise<void>
  end(): void
}

/** Sends batches until ended. What was sent before, also by an earlier runner, is known by its place in the file. */
export function startMirror(mirror: Mirror, record: RunRecord, context: RunnerContext): MirrorFeed {
  const over = new AbortController()
  const { runId } = record
  const { files, identity, clock, random, redact } = context
  let offset = Number(files.read(runId, SENT) ?? 0)
  // The tracker has given the run to somebody else; what happens here is no longer its timeline.
  let lost = false
  // One batch at a time: their order is the timeline's.
  let sending: Promise<unknown> = Promise.resolve()

  async function send(signal: AbortSignal): Promise<void> {
    while (!lost) {
      const { events, end } = files.eventsFrom(runId, offset, BATCH)
      if (events.length === 0) return
      const whole = events.map(event => outgoingEvent(event, context))
      const sent = whole.map(smallEvent)
      await ship(sent, batch => mirror.publish(identity, runId, batch, signal), refused)
      // Whoever asked for everything gets the full text where the timeline has only its beginning.
      if (record.task.plan?.verbose)
        for (const [i, event] of whole.entries())
          if (sent[i] !== event) await uploadText(`event-${event.seq}.json`, JSON.stringify(event), signal)
      offset = end
      files.write(runId, SENT, String(offset))
    }
  }
  /** The runner warns once: a warning is sent on too, and may be refused as well. */
  let refusals = 0
  const refused = (what: { type: string }, error: RunnerError) => {
    if (refusals++ > 0) return
    const message = `the server refused a part of the timeline (${what.type}): ${error.message}; it is left out, and the rest goes on`
    context.emit({ type: 'warning', message }, runId)
  }
  const inTurn = (work: () => Promise<void>) => {
    const turn = sending.then(work)
    sending = turn.catch(() => {})
    return turn
  }

  const isDue = (sentAt: number) => {
    if (clock.uptime() - sentAt >= EVERY_MS) return true
    const { events } = files.eventsFrom(runId, offset, BATCH)
    return events.length === BATCH.events || events.some(event => URGENT.includes(event.type))
  }

  async function run(): Promise<void> {
    let sentAt = clock.uptime()
    for (let failures = 0; !over.signal.aborted && !lost; ) {
      if (failures > 0) await clock.sleep(backoff(failures, random()), over.signal).catch(() => {})
      else while (!over.signal.aborted && !isDue(sentAt)) await clock.sleep(LOOK_MS, over.signal).catch(() => {})
      if (over.signal.aborted) return
      try {
        await inTurn(() => send(over.signal))
        sentAt = clock.uptime()
        failures = 0
      } catch (thrown) {
        lost ||= asRunnerError(thrown).kind === 'lost'
        failures++
      }
    }
  }
  void run()

  /** A file that is refused for good is left out. */
  async function uploadText(name: string, text: string, signal: AbortSignal): Promise<void> {
    try {
      await mirror.upload(identity, runId, name, firstBytes(text, LIMITS.artifact.most), signal)
    } catch (thrown) {
      const error = asRunnerError(thrown)
      if (!isPermanent(error)) throw thrown
      refused({ type: name }, error)
    }
  }

  async function upload(name: string, signal: AbortSignal): Promise<void> {
    const text = files.read(runId, name)
    if (text !== null) await uploadText(name, storable(redact(text)), signal)
  }

  return {
    async flush() {
      const cut = AbortSignal.timeout(FLUSH_MS)
      // A batch that is being sent already may take its time.
      await Promise.race([inTurn(() => send(cut)), clock.sleep(FLUSH_MS, cut)]).catch(() => {})
    },
    async finish() {
      over.abort()
      try {
        await untilAnswered('sending the timeline', context, signal =>
          inTurn(async () => {
            if (context.policy.sendsDiff) await upload('diff.patch', signal)
            await upload('result.json', signal)
            await send(signal)
          }),
        )
      } catch (thrown) {
        if (asRunnerError(thrown).kind !== 'lost') throw thrown
      }
    },
    end: () => over.abort(),
  }
}
