import { describe, expect, test } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { dev, never, type TrackerBench } from './tracker-fixture.ts'

/** What looking promises. */
export function lookingPromises({ claimed, picture, seen, start }: TrackerBench): void {
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
      expect(performance.now() - began).toBeLessThan(25_000)
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
      const began = performance.now()
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
      stop.abort()
      const { thrown } = await looking
      expect(performance.now() - began).toBeLessThan(25_000)
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
}
