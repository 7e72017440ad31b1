import type { RunnerContext } from './context.ts'

/** Whether the machine is fit to take tasks, by the health_check hook. */
export interface Health {
  /** The last verdict; null before the first. */
  readonly ok: boolean | null
  /** Says that a task could not begin here: the next one waits for a new check. */
  doubt(): void
  /** Resolves when the last check was good, or only warns. Rejects when the runner is asked to end. */
  healthy(): Promise<void>
  /** Whether a task may be taken, by the last check or the one that runs now. Rejects when it could not be run. */
  verdict(): Promise<boolean>
  end(): void
}

/** Checks every `healthCheckMs`, also during a task, and after `doubt`. Announces verdicts when they change. */
export function startHealth(context: RunnerContext): Health {
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, context.stops.leaving])
  let ok: boolean | null = null
  let doubted = false
  const goesOn = context.policy.onUnhealthy === 'warn'
  let waiting: PromiseWithResolvers<void> | null = null
  let nap = new AbortController()

  async function check(): Promise<boolean> {
    const log = `${context.files.stateFile(`health-${context.identity.id}.log`)}`
    const result = await context.hooks.run('health_check', document(context), log, signal)
    if (!over.signal.aborted && result.ok !== ok && (ok !== null || !result.ok))
      context.emit({
        type: 'health',
        ok: result.ok,
        message: result.ok
          ? 'well again, taking tasks'
          : `${result.message || 'the health check failed'}${goesOn ? '; tasks are taken all the same' : ''}`,
      })
    ok = result.ok
    return ok
  }

  // The first questions to the tracker go out before this check, because starting a process takes longer.
  let last = new Promise<void>(resolve => setImmediate(resolve)).then(check)

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await last.catch(error => {
        if (!signal.aborted) context.emit({ type: 'warning', message: `the health check could not be run: ${(error as Error).message}` })
      })
      doubted = false
      if (ok || goesOn) {
        waiting?.resolve()
        waiting = null
      }
      nap = new AbortController()
      await context.clock.sleep(context.policy.healthCheckMs, AbortSignal.any([signal, nap.signal])).catch(() => {})
      if (!signal.aborted) last = check()
    }
    await last.catch(() => {})
  }
  void run()

  return {
    get ok() {
      return ok
    },
    verdict: () => last.then(healthy => healthy || goesOn),
    doubt() {
      doubted = true
      nap.abort()
    },
    async healthy() {
      if ((ok || (goesOn && ok !== null)) && !doubted) return
      waiting ??= Promise.withResolvers()
      const { promise, reject } = waiting
      const drained = () => reject(context.stops.draining.reason)
      context.stops.draining.addEventListener('abort', drained, { once: true })
      if (context.stops.draining.aborted) drained()
      try {
        await promise
      } finally {
        context.stops.draining.removeEventListener('abort', drained)
      }
    },
    end: () => over.abort(),
  }
}

function document({ identity, tracker, home, repo, agentCommand }: RunnerContext) {
  return {
    version: 1,
    event: 'health_check',
    agent: identity,
    run_id: null,
    task: null,
    workspace: { kind: 'in-place', path: repo, repo, branch: null },
    model: null,
    tracker: { name: tracker.name, url: tracker.url },
    state_dir: home,
    agent_command: agentCommand,
  } as const
}
