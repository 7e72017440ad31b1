import { backoff } from '../../core/backoff.ts'
import { asRunnerError } from '../../core/errors.ts'
import type { RunRecord, Wish } from '../../core/run.ts'
import type { RunnerContext } from '../context.ts'
import { halts, interrupts, isToStop } from './wishes.ts'

/** How long one question for wishes waits at the tracker, in seconds. */
const ASK_SECONDS = 25

/**
 * The wishes for a run, as they come in. They are in the journal before they have any effect. A pause or resume is announced as soon as
 * no agent works on the run: at once while the run is prepared, otherwise when the attempt has ended.
 */
export interface Steering {
  /** A signal that fires when the run is to end for good; it has fired already when that was decided before. */
  stop(): AbortSignal
  /** Announces that the run is paused or resumed, unless that was announced. */
  show(): void
  /** A signal that fires when the attempt that runs now is to be interrupted; it has fired already when that was decided before. */
  interrupt(): AbortSignal
  /** A signal that fires when no attempt is to run, so not for a directive; it has fired already when that was decided before. */
  halt(): AbortSignal
  /** Resolves at the next wish. Rejects when the signal fires. */
  next(signal: AbortSignal): Promise<void>
  end(): void
}

/** Listens for wishes until ended. A tracker without steering has none; one that is away is asked again. */
export function startSteering(record: RunRecord, context: RunnerContext, save: () => void): Steering {
  const over = new AbortController()
  /** What a signal that was asked for waits for. */
  let turn: { signal: AbortController; isDue(record: RunRecord): boolean } = { signal: new AbortController(), isDue: interrupts }
  let arrival = Promise.withResolvers<void>()

  const fireIfDue = () => {
    if (turn.isDue(record)) turn.signal.abort()
  }
  const signalOf = (isDue: (record: RunRecord) => boolean) => {
    turn = { signal: new AbortController(), isDue }
    fireIfDue()
    return turn.signal.signal
  }

  // What an earlier runner should have announced is announced again: nobody knows whether it did.
  let shown = false
  const show = () => {
    const paused = record.paused && !isToStop(record)
    if (paused === shown || record.attempts.at(-1)?.ended === null) return
    shown = paused
    if (paused) context.emit({ type: 'run_paused', message: 'paused; session and workspace are kept' }, record.runId)
    else context.emit({ type: 'run_resumed', message: isToStop(record) ? 'resumed, to be stopped' : 'resumed' }, record.runId)
  }

  const take = (wishes: Wish[]) => {
    if (wishes.length === 0) return
    for (const wish of wishes) {
      record.wishes.push(wish)
      if (wish.kind === 'pause') record.paused = true
      if (wish.kind === 'resume') record.paused = false
    }
    save()
    show()
    fireIfDue()
    arrival.resolve()
    arrival = Promise.withResolvers()
  }

  show()
  void listen(record, context, take, over.signal)
  return {
    show,
    stop: () => signalOf(isToStop),
    interrupt: () => signalOf(interrupts),
    halt: () => signalOf(halts),
    next(signal) {
      const stopped = Promise.withResolvers<never>()
      const stop = () => stopped.reject(signal.reason)
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
      return Promise.race([arrival.promise, stopped.promise]).finally(() => signal.removeEventListener('abort', stop))
    },
    end: () => over.abort(),
  }
}

async function listen(record: RunRecord, context: RunnerContext, take: (wishes: Wish[]) => void, over: AbortSignal): Promise<void> {
  const { tracker, identity, clock, random } = context
  for (let failures = 0; tracker.steering && !over.aborted; ) {
    try {
      const known = record.wishes.map(wish => wish.id)
      take(await tracker.steering.wanted(identity, record.task, record.runId, known, ASK_SECONDS, over))
      failures = 0
    } catch (thrown) {
      if (over.aborted) return
      const error = asRunnerError(thrown)
      // The heartbeat finds out why the task is no longer ours.
      if (error.kind === 'lost') return
      await clock.sleep(backoff(++failures, random(), error.retryAfterMs), over).catch(() => {})
    }
  }
}
