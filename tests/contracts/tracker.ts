import { afterEach, describe, expect, test } from 'vitest'
import type { Tracker } from '../../src/core/ports.ts'
import type { AgentIdentity, Complexity, Level, Task } from '../../src/core/task.ts'
import { waitFor } from '../support/wait-for.ts'

/** A task as a test asks for it. Left out: role `backend_dev`, seniority `junior`, complexity `major`, status `created`. */
export interface TaskDraft {
  title: string
  description?: string
  role?: string
  seniority?: Level
  complexity?: Complexity
  status?: string
}

/** A tracker with its tasks, and what a person beside the runner can see and do there. */
export interface TrackerFixture {
  /** The ids of the drafts, in their order. */
  ids: string[]
  /** A client of its own at each call, as another process would have; closed by `close`. */
  tracker(): Tracker
  /** Adds one more task and answers its id. */
  add(draft: TaskDraft): Promise<string>
  statusOf(id: string): Promise<string>
  /** Everything that was written on the task; '' when nothing. */
  notesOf(id: string): Promise<string>
  /** The agent that holds the task's lock; null when it is open. */
  holderOf(id: string): Promise<string | null>
  /** A person moves the task to a status and opens its lock. */
  move(id: string, status: string): Promise<void>
  /** The agent was silent for so long that its locks have expired; the status stays as it is. */
  expire(agentId: string): Promise<void>
  /** The task is deleted. */
  remove(id: string): Promise<void>
  /** Somebody writes `@agentId text` on the task. */
  mention(agentId: string, text: string, taskId: string): Promise<void>
  close(): Promise<void>
}

const dev = (id: string, level: Level = 'senior', role = 'backend_dev'): AgentIdentity => ({ id, role, level })
const runId = 'run_01jcontract0000000000000001'
const otherRun = 'run_01jcontract0000000000000002'
const note = `Did the work.\n\n${runId}`
const never = () => new AbortController().signal
const times = (text: string, part: string) => text.split(part).length - 1

/**
 * What every tracker promises; each tracker's test calls it with itself. `open` gives a fresh tracker that holds exactly
 * these tasks and knows no agent yet.
 */
export function trackerKeepsItsPromises(name: string, open: (tasks: TaskDraft[]) => Promise<TrackerFixture>): void {
  describe(`${name} keeps the promises of a tracker`, () => {
    const opened: TrackerFixture[] = []
    afterEach(async () => {
      for (const fixture of opened.splice(0)) await fixture.close()
    })

    async function start(...drafts: TaskDraft[]) {
      const fixture = await open(drafts)
      opened.push(fixture)
      return fixture
    }

    /** One registered agent, the first task as it sees it, claimed. */
    async function claimed(draft: TaskDraft = { title: 'one' }, agent = dev('dev_1')) {
      const fixture = await start(draft)
      const tracker = fixture.tracker()
      await tracker.register(agent, never())
      const task = await seen(tracker, agent)
      expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
      return { fixture, tracker, agent, task }
    }

    /** What another process leaves behind when it takes the task over after our lock has expired. */
    async function takenOver(fixture: TrackerFixture, agent: AgentIdentity, task: Task) {
      const other = dev('dev_2', agent.level, agent.role)
      const theirs = fixture.tracker()
      await fixture.expire(agent.id)
      await theirs.register(other, never())
      expect(await theirs.claim(other, task, otherRun, never())).toBe('ours')
    }

    async function seen(tracker: Tracker, agent: AgentIdentity): Promise<Task> {
      const task = await tracker.look(agent, 0, never())
      if (!task) throw new Error(`${agent.id} sees no task`)
      return task
    }

    async function picture(fixture: TrackerFixture, id: string) {
      return { status: await fixture.statusOf(id), notes: await fixture.notesOf(id), holder: await fixture.holderOf(id) }
    }

    describe('looking', () => {
      test('a task is shown whole, and looking takes nothing', async () => {
        const fixture = await start({ title: 'Añadir ✓', description: 'line 1\n"line" 2', seniority: 'junior', complexity: 'minor' })
        const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
        await tracker.register(agent, never())
        const first = await seen(tracker, agent)
        expect(first).toMatchObject({
          id: fixture.ids[0],
          title: 'Añadir ✓',
          description: 'line 1\n"line" 2',
          criteria: [],
          role: 'backend_dev',
          seniority: 'junior',
          complexity: 'minor',
          status: 'created',
          notes: '',
        })
        expect(await seen(tracker, agent)).toEqual(first)
        expect(await picture(fixture, first.id)).toEqual({ status: 'created', notes: '', holder: null })
      })

      test('a developer sees tasks of its role at or below its level', async () => {
        const fixture = await start({ title: 'frontend', role: 'frontend_dev' }, { title: 'hard', seniority: 'principal' })
        const tracker = fixture.tracker()
        const [senior, principal] = [dev('dev_1', 'senior'), dev('dev_2', 'principal')]
        for (const agent of [senior, principal]) await tracker.register(agent, never())
        expect(await tracker.look(senior, 0, never())).toBeNull()
        expect((await seen(tracker, principal)).title).toBe('hard')
        await fixture.add({ title: 'easy', seniority: 'junior' })
        expect((await seen(tracker, senior)).title).toBe('easy')
      })

      test('QA sees what is dev_done, whatever role it was for, and nothing else', async () => {
        const fixture = await start(
          { title: 'new', role: 'qa' },
          { title: 'done', role: 'frontend_dev', seniority: 'principal', status: 'dev_done' },
        )
        const [tracker, qa] = [fixture.tracker(), dev('qa_1', 'junior', 'qa')]
        await tracker.register(qa, never())
        expect(await seen(tracker, qa)).toMatchObject({ id: fixture.ids[1], status: 'dev_done', role: 'frontend_dev' })
        await fixture.move(fixture.ids[1]!, 'qa_done')
        expect(await tracker.look(qa, 0, never())).toBeNull()
      })

      test('a claimed task is not shown to others', async () => {
        const { fixture } = await claimed()
        const other = dev('dev_2')
        const tracker = fixture.tracker()
        await tracker.register(other, never())
        expect(await tracker.look(other, 0, never())).toBeNull()
      })

      test('waiting ends soon after a task appears', async () => {
        const fixture = await start()
        const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
        await tracker.register(agent, never())
        const began = performance.now()
        const looking = tracker.look(agent, 25, never())
        const id = await fixture.add({ title: 'late' })
        expect((await looking)?.id).toBe(id)
        expect(performance.now() - began).toBeLessThan(10_000)
      })

      test('waiting in vain ends with null after the time asked for', async () => {
        const fixture = await start()
        const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
        await tracker.register(agent, never())
        const began = performance.now()
        expect(await tracker.look(agent, 1, never())).toBeNull()
        expect(performance.now() - began).toBeGreaterThan(900)
      })

      test('the signal ends a wait at once', async () => {
        const fixture = await start()
        const [tracker, agent, stop] = [fixture.tracker(), dev('dev_1'), new AbortController()]
        await tracker.register(agent, never())
        let ended = false
        const looking = tracker.look(agent, 25, stop.signal).then(
          () => ({ thrown: null }),
          thrown => ({ thrown }),
        )
        looking.finally(() => {
          ended = true
        })
        const until = performance.now() + 300
        await waitFor('the wait to be under way', () => performance.now() > until)
        expect(ended).toBe(false)
        const aborted = performance.now()
        stop.abort()
        const { thrown } = await looking
        expect(performance.now() - aborted).toBeLessThan(500)
        expect(thrown?.code === 'ABORTED' || thrown?.name === 'AbortError').toBe(true)
      })

      test('a signal that has fired already lets nothing begin', async () => {
        const fixture = await start({ title: 'one' })
        const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
        await expect(tracker.look(agent, 0, AbortSignal.abort())).rejects.toSatisfy(
          thrown => (thrown as { code?: string }).code === 'ABORTED' || (thrown as Error).name === 'AbortError',
        )
      })
    })

    describe('claiming', () => {
      test('a claim locks the task for us and marks it under work', async () => {
        const { fixture, task } = await claimed()
        expect(await picture(fixture, task.id)).toEqual({ status: 'under_work', notes: '', holder: 'dev_1' })
      })

      test('of two agents that claim at once exactly one gets it', async () => {
        const fixture = await start({ title: 'one' })
        const agents = [dev('dev_1'), dev('dev_2'), dev('dev_3')]
        const trackers = agents.map(() => fixture.tracker())
        for (const [i, agent] of agents.entries()) await trackers[i]!.register(agent, never())
        const task = await seen(trackers[0]!, agents[0]!)
        const claims = await Promise.all(agents.map((agent, i) => trackers[i]!.claim(agent, task, `${runId}${i}`, never())))
        expect(claims.filter(claim => claim === 'ours')).toHaveLength(1)
        expect(await picture(fixture, task.id)).toEqual({ status: 'under_work', notes: '', holder: agents[claims.indexOf('ours')]!.id })
      })

      test('claiming what is already ours answers ours, also by a fresh client', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        const before = await picture(fixture, task.id)
        expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
        expect(await fixture.tracker().claim(agent, task, runId, never())).toBe('ours')
        expect(await picture(fixture, task.id)).toEqual(before)
      })

      test("claiming another's task is taken and changes nothing", async () => {
        const { fixture, task } = await claimed()
        const before = await picture(fixture, task.id)
        const [other, theirs] = [dev('dev_2'), fixture.tracker()]
        await theirs.register(other, never())
        expect(await theirs.claim(other, task, otherRun, never())).toBe('taken')
        expect(await picture(fixture, task.id)).toEqual(before)
      })

      test('what was finished, parked or deleted since we looked is taken and stays as it is', async () => {
        const fixture = await start({ title: 'one' })
        const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
        await tracker.register(agent, never())
        const task = await seen(tracker, agent)
        for (const status of ['dev_done', 'pending']) {
          await fixture.move(task.id, status)
          expect(await tracker.claim(agent, task, runId, never())).toBe('taken')
          expect(await picture(fixture, task.id)).toEqual({ status, notes: '', holder: null })
        }
        await fixture.remove(task.id)
        expect(await tracker.claim(agent, task, runId, never())).toBe('taken')
      })

      test('after our lock has expired the task can be claimed again', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        await fixture.expire(agent.id)
        await tracker.register(agent, never())
        expect(await tracker.holding(agent, task, never())).toBe('free')
        expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
        expect(await picture(fixture, task.id)).toEqual({ status: 'under_work', notes: '', holder: 'dev_1' })
      })
    })

    describe('holding', () => {
      test('it is free before the claim and ours after it', async () => {
        const fixture = await start({ title: 'one' })
        const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
        await tracker.register(agent, never())
        const task = await seen(tracker, agent)
        expect(await tracker.holding(agent, task, never())).toBe('free')
        await tracker.claim(agent, task, runId, never())
        expect(await tracker.holding(agent, task, never())).toBe('ours')
        expect(await fixture.tracker().holding(agent, task, never())).toBe('ours')
      })

      test('it is someone_else when another agent has taken it over', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        await takenOver(fixture, agent, task)
        expect(await tracker.holding(agent, task, never())).toBe('someone_else')
        expect(await tracker.heartbeat(agent, task, never())).toBe('someone_else')
      })

      test.each(['dev_done', 'pending', 'committed'])('it is finished when somebody has moved it to %s', async status => {
        const { fixture, tracker, agent, task } = await claimed()
        await fixture.move(task.id, status)
        expect(await tracker.holding(agent, task, never())).toBe('finished')
        expect(await tracker.heartbeat(agent, task, never())).toBe('finished')
      })

      test('for QA a dev_done task is free, and one sent back is finished', async () => {
        const fixture = await start({ title: 'one', status: 'dev_done' })
        const [tracker, qa] = [fixture.tracker(), dev('qa_1', 'senior', 'qa')]
        await tracker.register(qa, never())
        const task = await seen(tracker, qa)
        expect(await tracker.holding(qa, task, never())).toBe('free')
        await fixture.move(task.id, 'created')
        expect(await tracker.holding(qa, task, never())).toBe('finished')
      })

      test('a task that was deleted, or never was, is gone', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        await fixture.remove(task.id)
        expect(await tracker.holding(agent, task, never())).toBe('gone')
        expect(await tracker.holding(agent, { ...task, id: '987654' }, never())).toBe('gone')
        expect(await tracker.report(agent, task, { status: 'dev_done', note, runId }, never())).toBe('lost')
      })

      test('a heartbeat keeps the task and changes nothing on it', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        const before = await picture(fixture, task.id)
        expect(await tracker.heartbeat(agent, task, never())).toBe('ours')
        expect(await tracker.heartbeat(agent, task, never())).toBe('ours')
        expect(await picture(fixture, task.id)).toEqual(before)
      })
    })

    describe('ending', () => {
      test('a report moves the status, opens the lock and writes the note', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        expect(await tracker.report(agent, task, { status: 'dev_done', note, runId }, never())).toBe('reported')
        expect(await fixture.statusOf(task.id)).toBe('dev_done')
        expect(await fixture.holderOf(task.id)).toBeNull()
        expect(times(await fixture.notesOf(task.id), 'Did the work.')).toBe(1)
      })

      test('reporting twice is the same as reporting once, also by a fresh client', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        const report = { status: 'dev_done', note, runId }
        expect(await tracker.report(agent, task, report, never())).toBe('reported')
        const before = await picture(fixture, task.id)
        expect(await tracker.report(agent, task, report, never())).toBe('reported')
        expect(await fixture.tracker().report(agent, task, report, never())).toBe('reported')
        expect(await picture(fixture, task.id)).toEqual(before)
      })

      test('a report that is repeated late leaves alone what came after it', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        const report = { status: 'dev_done', note, runId }
        await tracker.report(agent, task, report, never())
        const [qa, theirs] = [dev('qa_1', 'senior', 'qa'), fixture.tracker()]
        await theirs.register(qa, never())
        await theirs.claim(qa, await seen(theirs, qa), otherRun, never())
        const before = await picture(fixture, task.id)
        expect(before).toMatchObject({ status: 'under_work', holder: 'qa_1' })
        expect(await tracker.report(agent, task, report, never())).toBe('reported')
        expect(await picture(fixture, task.id)).toEqual(before)
      })

      test('a report that is repeated late leaves alone a new run of the same agent', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        const report = { status: 'dev_done', note, runId }
        await tracker.report(agent, task, report, never())
        await fixture.move(task.id, 'created')
        expect(await tracker.claim(agent, await seen(tracker, agent), otherRun, never())).toBe('ours')
        const before = await picture(fixture, task.id)
        expect(await tracker.report(agent, task, report, never())).toBe('reported')
        expect(await picture(fixture, task.id)).toEqual(before)
      })

      test('notes of the runs before stay', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        await tracker.report(agent, task, { status: 'dev_done', note, runId }, never())
        const [qa, theirs] = [dev('qa_1', 'senior', 'qa'), fixture.tracker()]
        await theirs.register(qa, never())
        const shown = await seen(theirs, qa)
        expect(shown.notes).toContain('Did the work.')
        await theirs.claim(qa, shown, otherRun, never())
        const findings = { status: 'created', note: `Two findings.\n\n${otherRun}`, runId: otherRun }
        expect(await theirs.report(qa, shown, findings, never())).toBe('reported')
        const notes = await fixture.notesOf(task.id)
        expect(times(notes, 'Did the work.')).toBe(1)
        expect(times(notes, 'Two findings.')).toBe(1)
        expect((await seen(tracker, agent)).id).toBe(task.id)
      })

      test('what somebody else has taken, finished or parked is lost and stays as it is', async () => {
        for (const happens of ['takenOver', 'dev_done', 'pending'] as const) {
          const { fixture, tracker, agent, task } = await claimed()
          if (happens === 'takenOver') await takenOver(fixture, agent, task)
          else await fixture.move(task.id, happens)
          const before = await picture(fixture, task.id)
          expect(await tracker.report(agent, task, { status: 'dev_done', note, runId }, never())).toBe('lost')
          expect(await tracker.giveBack(agent, task, { note, runId }, never())).toBe('lost')
          expect(await tracker.park(agent, task, { note, runId }, never())).toBe('lost')
          expect(await picture(fixture, task.id)).toEqual(before)
        }
      })

      test('giving back restores the status, opens the lock, leaves a note, and the task can be had again', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        expect(await tracker.giveBack(agent, task, { note, runId }, never())).toBe('reported')
        expect(await tracker.giveBack(agent, task, { note, runId }, never())).toBe('reported')
        expect(await fixture.statusOf(task.id)).toBe('created')
        expect(await fixture.holderOf(task.id)).toBeNull()
        expect(times(await fixture.notesOf(task.id), 'Did the work.')).toBe(1)
        const again = await seen(tracker, agent)
        expect(again.id).toBe(task.id)
        expect(await tracker.claim(agent, again, otherRun, never())).toBe('ours')
      })

      test('QA gives back to dev_done', async () => {
        const { fixture, tracker, agent, task } = await claimed({ title: 'one', status: 'dev_done' }, dev('qa_1', 'senior', 'qa'))
        expect(await tracker.giveBack(agent, task, { note, runId }, never())).toBe('reported')
        expect(await fixture.statusOf(task.id)).toBe('dev_done')
        expect(await fixture.holderOf(task.id)).toBeNull()
        expect((await seen(tracker, agent)).id).toBe(task.id)
      })

      test('a parked task is pending with its note and is handed to nobody', async () => {
        const { fixture, tracker, agent, task } = await claimed()
        expect(await tracker.park(agent, task, { note, runId }, never())).toBe('reported')
        expect(await tracker.park(agent, task, { note, runId }, never())).toBe('reported')
        expect(await fixture.statusOf(task.id)).toBe('pending')
        expect(await fixture.holderOf(task.id)).toBeNull()
        expect(times(await fixture.notesOf(task.id), 'Did the work.')).toBe(1)
        for (const role of ['backend_dev', 'qa', 'pm', 'architect']) {
          expect(await tracker.look(dev(`any_${role}`, 'principal', role), 0, never())).toBeNull()
        }
      })
    })

    describe('the rest', () => {
      test('unread mentions come oldest first and are gone once marked read', async () => {
        const fixture = await start({ title: 'one' })
        const [tracker, agent, id] = [fixture.tracker(), dev('dev_1'), fixture.ids[0]!]
        await tracker.register(agent, never())
        await fixture.mention('dev_1', 'first question', id)
        await fixture.mention('dev_9', 'for another', id)
        await fixture.mention('dev_1', 'second question', id)
        const mentions = await tracker.mentions(agent, never())
        expect(mentions.map(mention => mention.taskId)).toEqual([id, id])
        expect(mentions[0]!.text).toContain('first question')
        expect(mentions[1]!.text).toContain('second question')
        expect(mentions[0]!.text).not.toContain('second question')
        await tracker.markRead(agent, [mentions[0]!.id], never())
        expect((await tracker.mentions(agent, never())).map(mention => mention.id)).toEqual([mentions[1]!.id])
        await tracker.markRead(agent, [mentions[0]!.id, mentions[1]!.id, '987654'], never())
        expect(await tracker.mentions(agent, never())).toEqual([])
      })

      test('registering twice is the same as registering once, and ping answers', async () => {
        const fixture = await start({ title: 'one' })
        const [tracker, agent] = [fixture.tracker(), dev('dev_1')]
        await tracker.ping(never())
        await tracker.register(agent, never())
        await tracker.register(agent, never())
        expect((await seen(tracker, agent)).title).toBe('one')
        expect(tracker.name).not.toBe('')
        expect(tracker.url).not.toBe('')
      })
    })
  })
}
