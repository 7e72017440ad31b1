import { describe, expect, test } from 'vitest'
import { dev, never, type TrackerBench } from './tracker-fixture.ts'

/** What mentions, registering and ping promise. */
export function mentionPromises({ seen, start }: TrackerBench): void {
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
}
