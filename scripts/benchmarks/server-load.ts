import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../tests/support/wait-for.ts'
import type { BenchServer } from './server-client.ts'
import { fillQueue, PROJECT } from './server-data.ts'
import type { BareDatabase } from './server-databases.ts'

const RUNNERS = 50
export const SUBSCRIBERS = 200
const TOLD = 40
const poll = (agent: string, role: string, wait: number) => `/api/v1/tasks/poll?agent_id=${agent}&role=${role}&level=senior&wait=${wait}`

interface Polled {
  task: { id: string }
  run: { id: string }
  lease: { epoch: number }
}

/** A runner that holds a run. */
export interface Holder {
  task: string
  agent_id: string
  run_id: string
  epoch: number
  seq: number
}

let made = 0

/** 50 runners wait for work; that much comes at once. Milliseconds from its coming until the last of it is claimed, each time by a new agent. */
export async function serverClaims(server: BenchServer, database: BareDatabase, count: number): Promise<number> {
  const role = `claimed_${++made}`
  let [left, ready] = [count, 0]
  const runner = async (name: string) => {
    ready++
    for (let n = 0; left-- > 0; n++) {
      const { status } = await server.call('GET', poll(`${name}-${n}`, role, 30))
      if (status !== 200) throw new Error('a runner found nothing to claim, so the times mean nothing')
    }
  }
  const runners = Array.from({ length: RUNNERS }, (_, n) => runner(`r${made}-${n}`))
  await waitFor('the runners', () => ready === RUNNERS)
  await delay(300)
  await fillQueue(database, `c${made}x`, role, count - 1)
  const began = performance.now()
  // What another program wrote is heard of in time; what comes by the API at once.
  await server.call('POST', '/runs', { project_id: PROJECT, goal: 'Fix the login', role })
  await Promise.all(runners)
  return performance.now() - began
}

/** Makes runs and claims them. */
export async function holders(server: BenchServer, count: number): Promise<Holder[]> {
  const role = `held_${++made}`
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const agent_id = `h${made}-${n}`
      await server.call('POST', '/runs', { project_id: PROJECT, goal: 'Fix the login', role })
      const { json } = await server.call<Polled>('GET', poll(agent_id, role, 30))
      return { task: json.task.id, agent_id, run_id: json.run.id, epoch: json.lease.epoch, seq: 0 }
    }),
  )
}

/** Sends a batch of a run's events, as a runner does. */
export async function sendEvents(server: BenchServer, holder: Holder, size: number, text: string): Promise<void> {
  const { task, agent_id, run_id, epoch } = holder
  const events = Array.from({ length: size }, () => ({ seq: ++holder.seq, at: new Date().toISOString(), type: 'agent_text', text }))
  await server.call('POST', `/api/v1/tasks/${task}/logs`, { agent_id, run_id, epoch, events })
}

/** Milliseconds from the sending of one event until each of 200 subscribers has it, for 40 events one after the other, sorted. */
export async function toSubscribers(server: BenchServer, holder: Holder): Promise<number[]> {
  const times: number[] = []
  const sent = new Map<string, number>()
  const told = (text: string) => {
    const now = performance.now()
    for (const [, mark] of text.matchAll(/told-(\d+)-/g)) times.push(now - sent.get(mark!)!)
  }
  await Promise.all(Array.from({ length: SUBSCRIBERS }, () => server.subscribe(told)))
  for (let n = 0; n < TOLD; n++) {
    sent.set(String(n), performance.now())
    await sendEvents(server, holder, 1, `told-${n}-`)
    await waitFor('the subscribers', () => times.length >= SUBSCRIBERS * (n + 1))
  }
  return times.sort((a, b) => a - b)
}
