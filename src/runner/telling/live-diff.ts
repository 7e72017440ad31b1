import type { Mirror } from '../../core/ports/tracker.ts'
import type { WorkspaceRequest } from '../../core/ports/workspaces.ts'
import type { RunRecord } from '../../core/run.ts'
import type { RunnerContext } from '../context.ts'

/**
 * How often the runner looks at what a run has changed, in milliseconds. It looks less often while nothing changes, and where a look
 * takes long.
 */
const EVERY_MS = 10_000
const SELDOM_MS = 60_000
const SHARE = 20

/** Sends what a run has changed until now, so that people can look at it while it works. The whole diff comes at its end. */
export interface LiveDiff {
  /** Resolves when nothing of it is under way any more. */
  end(): Promise<void>
}

/** Looks until ended. A failure here does not affect the run: the next look may succeed. */
export function startLiveDiff(mirror: Mirror, record: RunRecord, request: WorkspaceRequest, context: RunnerContext): LiveDiff {
  const { clock, workspaces, identity, files, redact } = context
  const over = new AbortController()
  let sent = files.read(record.runId, 'diff.patch') ?? ''

  async function look(): Promise<boolean> {
    const diff = record.workspace && (await workspaces.diffSoFar(record.workspace, request))
    if (diff === null || diff === sent || over.signal.aborted) return false
    await mirror.upload(identity, record.runId, 'diff.patch', redact(diff), over.signal)
    sent = diff
    return true
  }

  async function run(): Promise<void> {
    for (let pause = EVERY_MS; !over.signal.aborted; ) {
      await clock.sleep(pause, over.signal).catch(() => {})
      if (over.signal.aborted) return
      const began = clock.uptime()
      const changed = await look().catch(() => false)
      pause = Math.max(changed ? EVERY_MS : Math.min(SELDOM_MS, pause * 1.5), (clock.uptime() - began) * SHARE)
    }
  }

  const running = run()
  return {
    async end() {
      over.abort()
      await running
    },
  }
}
