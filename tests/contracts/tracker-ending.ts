import { describe, expect, test } from 'vitest'
import { dev, never, note, otherRun, runId, type TrackerBench, times } from './tracker-fixture.ts'

/** What report, giving back and parking promise. */
export function endingPromises({ claimed, picture, seen, takenOver }: TrackerBench): void {
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
}
