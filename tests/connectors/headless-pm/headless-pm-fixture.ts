import { onTestFinished } from 'vitest'
import { type HeadlessPmOptions, openHeadlessPm } from '../../../src/connectors/headless-pm/headless-pm.ts'
import type { Tracker } from '../../../src/core/ports/tracker.ts'
import type { AgentIdentity, Task } from '../../../src/core/task.ts'
import type { TaskDraft, TrackerFixture } from '../../contracts/tracker.ts'
import type { PmOptions } from '../../support/headless-pm-board.ts'
import { type Fault, type HeadlessPmServer, type SeenRequest, startHeadlessPm } from '../../support/headless-pm-server.ts'
import { HANGS_MS } from '../../support/patience.ts'

export const KEY = 'secret-key-of-the-server'

/** A running Headless PM with these tasks, made by its own rules and then moved to the drafts' statuses. */
export async function headlessPmFixture(
  drafts: TaskDraft[],
  options: Partial<PmOptions> = {},
): Promise<TrackerFixture & { pm: HeadlessPmServer; client(options: Partial<HeadlessPmOptions>): Tracker }> {
  const pm = await startHeadlessPm({ key: KEY, pollMs: 50, ...options })
  const { board } = pm
  const levelName = (name: string) => (board.options.skillLevel ? 'skill_level' : name)
  board.register({ agent_id: 'pm_1', role: 'pm', [levelName('level')]: 'principal' })
  board.agent('pm_1').last_seen = Number.MAX_SAFE_INTEGER
  board.features.push({ id: 0, epic_id: 0, name: 'feature', description: '' })
  const open: Tracker[] = []
  const add = (draft: TaskDraft) => {
    const { title, description = '', role: target_role = 'backend_dev', seniority = 'junior', complexity = 'major' } = draft
    const level = { [levelName('difficulty')]: seniority }
    const task = board.create({ title, description, target_role, ...level, complexity, branch: 'main', feature_id: 0 }, 'pm_1')
    task.status = draft.status ?? 'created'
    return String(task.id)
  }
  function client(options: Partial<HeadlessPmOptions>) {
    const tracker = openHeadlessPm({ url: pm.url, key: KEY, requestTimeoutMs: HANGS_MS, ...options })
    open.push(tracker)
    return tracker
  }
  return {
    pm,
    ids: drafts.map(add),
    client,
    tracker: () => client({}),
    add: async draft => add(draft),
    statusOf: async id => board.task(Number(id)).status,
    notesOf: async id => board.task(Number(id)).notes ?? '',
    holderOf: async id => board.task(Number(id)).locked_by,
    async move(id, status) {
      Object.assign(board.task(Number(id)), { status, locked_by: null, locked_at: null })
    },
    async expire(agentId) {
      board.agent(agentId).last_seen -= 31 * 60_000
      board.freeStaleLocks()
    },
    async remove(id) {
      board.tasks = board.tasks.filter(task => task.id !== Number(id))
    },
    async mention(agentId, text, taskId) {
      board.comment(Number(taskId), { comment: `@${agentId} ${text}` }, 'pm_1')
    },
    async close() {
      for (const tracker of open) tracker.close()
      await pm.close()
    },
  }
}

export const agent: AgentIdentity = { id: 'dev_1', role: 'backend_dev', level: 'senior' }
export const runId = 'run_01jheadlesspm000000000000001'
export const report = { status: 'dev_done', note: `Did the work.\n\n${runId}`, runId }
export const never = (): AbortSignal => new AbortController().signal

/** The fixture with one task and a registered agent; closed when the test has finished. */
export async function opened(options: Partial<PmOptions> = {}, drafts: TaskDraft[] = [{ title: 'one' }]) {
  const fixture = await headlessPmFixture(drafts, options)
  onTestFinished(() => fixture.close())
  const tracker = fixture.tracker()
  await tracker.register(agent, never())
  return { ...fixture, tracker, fresh: fixture.tracker }
}

/** The same, with the task looked at and claimed. */
export async function claimed(options: Partial<PmOptions> = {}) {
  const fixture = await opened(options)
  const task = (await fixture.tracker.look(agent, 0, never())) as Task
  if ((await fixture.tracker.claim(agent, task, runId, never())) !== 'ours') throw new Error('the claim failed')
  const row = fixture.pm.board.task(Number(task.id))
  fixture.pm.requests.length = 0
  return { ...fixture, task, row }
}

/** Lets the next request to a path that ends so go wrong, once. */
export function once(pm: HeadlessPmServer, method: string, end: string, fault: Fault): void {
  let done = false
  pm.onRequest = (request: SeenRequest) => {
    if (done || request.method !== method || !request.path.endsWith(end)) return 'pass'
    done = true
    return fault
  }
}

/** What a promise was rejected with; fails when it was not. */
export async function rejection(promise: Promise<unknown>) {
  const outcome = await promise.then(
    value => ({ value }),
    thrown => ({ thrown }),
  )
  if ('thrown' in outcome) return outcome.thrown
  throw new Error(`resolved with ${JSON.stringify(outcome.value)}`)
}
