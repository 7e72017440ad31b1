import type { StampedEvent } from '../../../src/core/event.ts'
import type { RunRecord } from '../../../src/core/run.ts'
import { waitOf } from '../../../src/core/wait.ts'
import type { RunnerContext } from '../../../src/runner/context.ts'
import { runLoop } from '../../../src/runner/loop.ts'
import { Stops } from '../../../src/runner/shutdown.ts'
import { agentOf, supervisionOf } from './agents.ts'
import type { Ask, Call, Tell } from './calls.ts'
import { clockOf } from './clock.ts'
import { filesOf, REPO, workspacesOf } from './places.ts'
import { policy } from './policy.ts'
import { trackerOf } from './tracker.ts'
import { AGENT, isOver, type Story, World } from './world.ts'

/** How a life came to its end. `stuck`: nothing would ever happen again, or the same for ever. */
export type Ending = 'ended' | 'killed' | 'stuck'

export interface Lived {
  ending: Ending
  /** Places at which it could have been killed: before and after each call of a port. */
  places: number
}

export interface LifeOptions {
  /** The place at which the runner is killed, from 1; null for not at all. */
  killAt?: number | null
  /** Puts something else in the place of a port. */
  change?: (context: RunnerContext) => RunnerContext
}

/** A kill, and for how long no runner lives afterwards, in milliseconds. */
export interface Kill {
  at: number
  goneMs: number
}

/** Tells a story to its end: a life for each kill, and a last one that nobody kills. Answers the world, in which all promises were checked. */
export async function tellStory(story: Story, kills: Kill[] = [], change?: LifeOptions['change']): Promise<World> {
  const world = new World(story)
  for (const { at, goneMs } of kills) {
    if ((await live(world, { killAt: at, ...(change && { change }) })).ending !== 'killed') break
    world.pause(goneMs)
  }
  if (world.broken.length === 0) await live(world, change && { change })
  world.checkEnd()
  return world
}

/** A life that comes to so many places, or lasts so long, will never end. */
const MOST_PLACES = 20_000
const MOST_MS = 40 * 86_400_000
const never = new Promise<never>(() => {})

/**
 * One life of a runner in a world of memory: the real loop with ports that live in this process. It ends when every task has come to its
 * end, or is killed at the place with that number (from 1). A dead runner changes nothing: its calls never return.
 */
export async function live(world: World, { killAt = null, change = context => context }: LifeOptions = {}): Promise<Lived> {
  const end = Promise.withResolvers<Ending>()
  const stops = new Stops()
  let places = 0
  let dead = false

  const pass = () => {
    if (dead) return false
    if (++places === killAt) end.resolve('killed')
    else if (places > MOST_PLACES || world.elapsed > MOST_MS) end.resolve('stuck')
    else return true
    dead = true
    return false
  }
  /** A call of a port that answers at once. */
  const call = <T>(effect: () => T): T => {
    if (!pass()) throw new Error('killed')
    const answer = effect()
    if (!pass()) throw new Error('killed')
    return answer
  }
  /** A call of a port that is waited for. */
  const ask = async <T>(effect: () => T | Promise<T>): Promise<T> => {
    if (!pass()) return never
    const answer = await effect()
    return pass() ? answer : never
  }

  /** A call that nobody waits for, so that it cannot be what ends a dead runner's work. */
  const tell = (effect: () => void): void => {
    if (!pass()) return
    effect()
    pass()
  }

  const context = change(compose(world, stops, call, ask, tell))
  runLoop(context, { single: false }).then(
    () => end.resolve('ended'),
    error => {
      if (!dead) world.broke(`the loop ends with ${error}`)
      end.resolve('ended')
    },
  )
  let ending: Ending | null = null
  end.promise.then(how => {
    ending = how
  })
  while (ending === null) {
    // All that can go on without time passing has gone on when this resolves.
    await new Promise(setImmediate)
    if (ending !== null) break
    if (world.board.every(isOver) && world.lockFile === null) stops.request()
    else if (!world.passTime()) end.resolve('stuck')
  }
  world.forgetSleepers()
  if (ending === 'stuck') world.broke('the runner would never come to an end')
  return { ending: ending!, places }
}

function compose(world: World, stops: Stops, call: Call, ask: Ask, tell: Tell): RunnerContext {
  const identity = { id: AGENT, role: 'backend_dev', level: 'senior' } as const
  const clock = clockOf(world, ask)
  let events = 0
  const files = filesOf(world, call, tell)
  const agent = agentOf(world)
  return {
    identity,
    ...{
      tracker: trackerOf(world, ask),
      agent,
      shell: agent,
      supervision: supervisionOf(world, clock, call, ask),
      workspaces: workspacesOf(world, ask),
    },
    hooks: {
      run: (hook, _document, log) =>
        ask(() => {
          const refuses = hook === 'pre_task' && (world.story.refusals[world.hookCalls++] ?? false)
          return { path: null, ok: !refuses, exitCode: refuses ? 1 : 0, timedOut: false, message: '', log, ms: 1 }
        }),
    },
    journal: {
      load: () => call(() => ({ record: world.lockFile === null ? null : (JSON.parse(world.lockFile) as RunRecord), setAside: null })),
      save: record =>
        call(() => {
          world.lockFile = JSON.stringify(record)
        }),
      remove: () =>
        call(() => {
          world.lockFile = null
        }),
      sharedWith: () => null,
    },
    usageLimit: {
      until: () => call(() => world.limit),
      reached: wait =>
        call(() => {
          world.limit = wait
        }),
    },
    breaker: {
      current: () => call(() => world.outage),
      failed: ({ reason, said, taskId }, pause) =>
        call(() => {
          const ends = (world.outage?.ends ?? 0) + 1
          const since = world.outage?.since ?? world.now
          world.outage = { reason, said, since, ends, tasks: [...(world.outage?.tasks ?? []), taskId], wait: waitOf(pause(ends), clock) }
          return world.outage
        }),
      mended: () =>
        call(() => {
          world.outage = null
        }),
    },
    files,
    clock,
    policy,
    stops,
    patience: {
      again: (taskId, claimedAt) =>
        call(() => {
          const known = world.givenBack.get(taskId)
          const times = known?.claimedAt === claimedAt ? known.times : (known?.times ?? 0) + 1
          world.givenBack.set(taskId, { claimedAt, times })
          return times < 3
        }),
      forget: taskId => call(() => void world.givenBack.delete(taskId)),
    },
    random: () => 0.5,
    newRunId: () => `run_${++world.runIds}`,
    newSessionId: () => `session_${++world.runIds}`,
    emit: (event, runId) =>
      files.append({
        ...event,
        at: new Date(world.now).toISOString(),
        seq: ++events,
        runId: runId ?? null,
        agentId: AGENT,
      } as StampedEvent),
    askHookRefusal: null,
    redact: text => text,
    ...{ home: '/state', repo: REPO, agentCommand: 'agent' },
  }
}
