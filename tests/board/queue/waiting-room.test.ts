import { describe, expect, test } from 'vitest'
import { WaitingRoom } from '../../../src/board/queue/waiting-room.ts'
import { FAR_MS } from '../../support/patience.ts'
import { waitFor } from '../../support/wait-for.ts'

const never = new AbortController().signal

/** A room, things to be had by topic, and how often somebody looked. */
function shop() {
  const things: Record<string, number> = {}
  const looks: Record<string, number> = {}
  const states: string[] = []
  const room = new WaitingRoom(
    () => void states.push('opened'),
    () => void states.push('emptied'),
  )
  const look = (topic: string) => async () => {
    looks[topic] = (looks[topic] ?? 0) + 1
    await new Promise(resolve => setImmediate(resolve))
    if (!things[topic]) return null
    things[topic]--
    return topic
  }
  return {
    ...{ room, looks, states },
    wait: (topic: string, { group = '', ms = FAR_MS, signal = never } = {}) => room.wait({ topic, group }, ms, signal, look(topic)),
    bring(topic: string, many = 1) {
      things[topic] = (things[topic] ?? 0) + many
      room.stir([topic])
    },
  }
}

describe('who waits', () => {
  test('is woken by a change of its own topic alone, and of many who ask for the same only as many as can be served', async () => {
    const s = shop()
    const mine = Array.from({ length: 800 }, () => s.wait('work a'))
    const other = s.wait('work b')
    await waitFor('all have looked', () => s.looks['work a'] === 800 && s.looks['work b'] === 1)
    await new Promise(resolve => setTimeout(resolve, 20))
    s.bring('work b')
    expect(await other).toBe('work b')
    expect(s.looks).toEqual({ 'work a': 800, 'work b': 2 })
    s.bring('work a')
    expect(await Promise.race(mine)).toBe('work a')
    await waitFor('one more has looked in vain', () => s.looks['work a']! >= 802)
    // One that found it, and two after it that did not.
    expect(s.looks['work a']).toBeLessThanOrEqual(803)
    s.bring('work a', 799)
    expect(await Promise.all(mine)).toHaveLength(800)
    await waitFor('nobody is left', () => s.states.at(-1) === 'emptied')
    expect(s.states).toEqual(['opened', 'emptied'])
  })

  test('asks for something else and is looked after by itself', async () => {
    const s = shop()
    const [one, two] = [s.wait('work a', { group: 'qa' }), s.wait('work a', { group: 'dev' })]
    await waitFor('both have looked', () => s.looks['work a'] === 2)
    s.bring('work a', 2)
    expect(await Promise.all([one, two])).toEqual(['work a', 'work a'])
  })

  test('misses nothing that comes while it looks for the first time', async () => {
    const s = shop()
    for (let n = 0; n < 50; n++) {
      const waiting = s.wait('work a')
      s.bring('work a')
      expect(await waiting).toBe('work a')
    }
  })

  test('gets null after its time, at once after the signal, and when it has fired already it does not look', async () => {
    const s = shop()
    expect(await s.wait('work a', { ms: 1 })).toBeNull()
    const stop = new AbortController()
    const waiting = s.wait('work a', { signal: stop.signal })
    await waitFor('it has looked', () => s.looks['work a'] === 2)
    stop.abort()
    expect(await waiting).toBeNull()
    expect(await s.wait('work a', { signal: stop.signal })).toBeNull()
    expect(s.looks['work a']).toBe(2)
    expect(s.states.at(-1)).toBe('emptied')
  })

  test('hears of a look that fails, and the others are served', async () => {
    const s = shop()
    let fails = false
    const failing = s.room.wait({ topic: 'work a', group: '' }, FAR_MS, never, async () => {
      if (fails) throw new Error('no database')
      return null
    })
    const other = s.wait('work a')
    await waitFor('both wait', () => s.looks['work a'] === 1)
    await new Promise(resolve => setTimeout(resolve, 20))
    fails = true
    s.bring('work a')
    await expect(failing).rejects.toThrow('no database')
    expect(await other).toBe('work a')
  })

  test('is woken by a change of which nothing is known', async () => {
    const s = shop()
    const waiting = ['a', 'b'].map(topic => s.wait(topic))
    await waitFor('both have looked', () => s.looks.a === 1 && s.looks.b === 1)
    await new Promise(resolve => setTimeout(resolve, 20))
    s.room.stir(null)
    await waitFor('both have looked again', () => s.looks.a === 2 && s.looks.b === 2)
    for (const topic of ['a', 'b']) s.bring(topic)
    expect(await Promise.all(waiting)).toEqual(['a', 'b'])
  })
})
