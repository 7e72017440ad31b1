import type { ControlPlane } from './control-plane.ts'
import type { Ages } from './projects/retention.ts'

const RETAIN_MS = 3_600_000

interface UpkeepOptions {
  /** How long timelines are kept. */
  keep: Ages
  onFault(error: unknown, where: string): void
}

/**
 * Regular maintenance: releases runs whose lease is over, and deletes old data and projects that are to go. Any number of servers may do
 * it. Stopping waits for the work under way, but cuts deletions short.
 */
export function startUpkeep(plane: ControlPlane, { keep, onFault }: UpkeepOptions): { stop(): Promise<void> } {
  plane.queue.listenAgain()
  const remove = async (signal: AbortSignal) => {
    await plane.retain(keep, signal)
    await plane.projects.finishRemovals(signal)
  }
  const stops = [
    every(
      plane.queue.sweepEveryMs,
      () => plane.queue.sweep(),
      error => onFault(error, 'letting go of lost runs'),
    ),
    every(RETAIN_MS, remove, error => onFault(error, 'deleting what is old or to go')),
  ]
  return { stop: async () => void (await Promise.all(stops.map(stop => stop()))) }
}

/** Does it now and at intervals, never twice at once. */
function every(ms: number, act: (signal: AbortSignal) => Promise<unknown>, onFault: (error: unknown) => void): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const stopping = new AbortController()
  let doing = Promise.resolve()
  const go = () => {
    doing = act(stopping.signal)
      .catch(onFault)
      .then(() => {
        if (!stopping.signal.aborted) timer = setTimeout(go, ms)
      })
  }
  go()
  return () => {
    stopping.abort()
    clearTimeout(timer)
    return doing
  }
}
