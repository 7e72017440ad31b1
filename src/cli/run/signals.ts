import type { RunnerEvent } from '../../core/event.ts'
import type { Stops } from '../../runner/shutdown.ts'

/** Exit code of a process that left at once at the third request to end, as in a shell: 128 + SIGINT. */
export const LEFT = 130

/**
 * Turns signals into requests to end: TERM and INT once, twice, three times; USR2 detaches. HUP ends like TERM, except when it was
 * ignored at the start, as under nohup, or when there is no terminal that could hang up. Returns a function that undoes it.
 */
export function listenToSignals(stops: Stops, emit: (event: RunnerEvent) => void): () => void {
  const messages = {
    drain: 'finishing the task in hand and taking no more; once more stops the agent and keeps the task',
    stop: 'stopping the agent; its task, session and workspace are kept for the next start',
    leave: 'leaving at once',
  } as const
  const request = (signal: NodeJS.Signals) => {
    const meaning = stops.request()
    emit({ type: 'signal', signal, message: messages[meaning] })
    if (meaning === 'leave') process.exit(LEFT)
  }
  const detach = (signal: NodeJS.Signals) => {
    emit({ type: 'signal', signal, message: 'leaving; the agent goes on and the next start adopts it' })
    stops.detach()
  }
  const hangUp = (signal: NodeJS.Signals) => {
    if (process.stdout.isTTY || process.stdin.isTTY) request(signal)
    else emit({ type: 'signal', signal, message: 'no terminal to lose: going on' })
  }
  process.on('SIGTERM', request).on('SIGINT', request).on('SIGUSR2', detach).on('SIGHUP', hangUp)
  return () => {
    process.off('SIGTERM', request).off('SIGINT', request).off('SIGUSR2', detach).off('SIGHUP', hangUp)
  }
}
