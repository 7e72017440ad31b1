import type pg from 'pg'
import { WaitingRoom } from '../../queue/waiting-room.ts'
import { CHANNEL } from '../event-insert.ts'
import { named } from '../prepared.ts'
import { Wakeups } from '../wakeups.ts'

/** The name under which PostgreSQL tells whom a change concerns. */
const CONCERNS = 'agent_runner_concerns'
export const TELL = named(`select pg_notify('${CONCERNS}', $1)`)

/** How long after a broken connection the next one is tried, in milliseconds. */
const AGAIN_MS = 250

/**
 * Hears of every committed change by LISTEN, on a connection of its own that is opened when somebody asks for the first time. After a
 * broken connection everybody looks once: what happened in between was not heard.
 */
export function openListener(connect: () => pg.Client) {
  let heard = 0
  let client: pg.Client | undefined
  let again: NodeJS.Timeout | undefined
  let state: 'asleep' | 'awake' | 'closed' = 'asleep'
  const wakeups = new Wakeups(() => String(heard), null)
  const hear = () => {
    heard++
    wakeups.wake()
  }
  const waiting = new WaitingRoom(() => awake())

  async function listen(): Promise<void> {
    const mine = connect()
    client = mine
    mine.on('notification', ({ channel, payload }) => (channel === CONCERNS ? waiting.stir([payload ?? '']) : hear()))
    const broken = () => {
      if (client !== mine || state === 'closed') return
      client = undefined
      mine.end().catch(() => {})
      again = setTimeout(() => void listen(), AGAIN_MS)
    }
    mine.on('error', broken).on('end', broken)
    try {
      await mine.connect()
      await mine.query(`listen ${CONCERNS}`)
      await mine.query(`listen ${CHANNEL}`)
      hear()
      waiting.stir(null)
    } catch {
      broken()
    }
  }

  function awake(): void {
    if (state !== 'asleep') return
    state = 'awake'
    void listen()
  }

  return {
    waiting,
    mark(): string {
      awake()
      return String(heard)
    },
    changed(since: string, ms: number, signal: AbortSignal): Promise<boolean> {
      awake()
      return wakeups.wait(since, ms, signal)
    },
    async close(): Promise<void> {
      state = 'closed'
      clearTimeout(again)
      await client?.end().catch(() => {})
    },
  }
}
