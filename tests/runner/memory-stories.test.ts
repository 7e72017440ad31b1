import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RunnerContext } from '../../src/runner/context.ts'
import { type Kill, live, tellStory } from '../support/memory/life.ts'
import { type AgentDeed, DONE, type Story, World } from '../support/memory/world.ts'

/*
 * The runner's rules on ports in memory, with a clock that nobody waits for: thousands of stories, each with kills at any call of any port.
 * What the real ports add (files, processes, git, HTTP) is tried by tests/crash, with far fewer stories.
 */

const quiet: Story = { tasks: [[]], tracker: [], refusals: [], budgetUsd: null }
const deed = (end: AgentDeed['end'], more: Partial<AgentDeed> = {}): AgentDeed => ({ ...DONE, end, ...more })

/** One story for each way through the table of ends, and for each step that may refuse. */
const STORIES: Record<string, Story> = {
  'an agent that does it': quiet,
  'two tasks': { ...quiet, tasks: [[], []] },
  'an agent that crashes twice': { ...quiet, tasks: [[deed('crashed'), deed('crashed', { works: false })]] },
  'an agent that crashes each time': { ...quiet, tasks: [[deed('crashed'), deed('crashed'), deed('crashed'), deed('crashed')]] },
  'an agent and its supervisor that vanish': { ...quiet, tasks: [[deed('vanished'), deed('killed')]] },
  'a usage limit': { ...quiet, tasks: [[deed('usage_limit')], [deed('usage_limit'), deed('usage_limit')]] },
  'a model API that is away': { ...quiet, tasks: [[deed('api_unreachable', { works: false }), deed('api_error')]] },
  'a session that is lost': { ...quiet, tasks: [[deed('session_lost')]] },
  'an agent that cannot do it': { ...quiet, tasks: [[deed('blocked')], []] },
  'a budget that is spent': { ...quiet, budgetUsd: 1, tasks: [[deed('crashed', { costUsd: 0.6 }), deed('crashed', { costUsd: 0.6 })]] },
  'a hook that refuses twice': { ...quiet, refusals: [true, true] },
  'a hook that always refuses': { ...quiet, refusals: Array(9).fill(true) },
  'a tracker whose answers are lost': { ...quiet, tracker: Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? 'answer_lost' : 'none')) },
  'a tracker that is away now and then': { ...quiet, tracker: Array.from({ length: 40 }, (_, n) => (n % 3 === 0 ? 'refused' : 'none')) },
}

for (const [name, story] of Object.entries(STORIES)) {
  test(`${name}: killed at each call of a port, before it and after it, a task is done once and nothing is lost`, async () => {
    const undisturbed = new World(story)
    const { places } = await live(undisturbed)
    undisturbed.checkEnd()
    expect(undisturbed.broken).toEqual([])
    for (let at = 1; at <= places; at++)
      for (const goneMs of [0, 600_000]) expect([at, goneMs, ...(await tellStory(story, [{ at, goneMs }])).broken]).toEqual([at, goneMs])
  })
}

const anyDeed: fc.Arbitrary<AgentDeed> = fc.record({
  end: fc.constantFrom(
    ...([
      'completed',
      'crashed',
      'silent',
      'vanished',
      'killed',
      'usage_limit',
      'api_error',
      'api_refused',
      'session_lost',
      'blocked',
    ] as const),
    ...(['session_outgrown', 'session_broken', 'content_refused', 'said_nothing', 'timed_out', 'over_budget', 'system_short'] as const),
  ),
  ms: fc.integer({ min: 1, max: 300_000 }),
  costUsd: fc.constantFrom(0, 0.1, 0.5, 2),
  works: fc.boolean(),
})

const anyStory: fc.Arbitrary<Story> = fc.record({
  tasks: fc.array(fc.array(anyDeed, { maxLength: 5 }), { minLength: 1, maxLength: 3 }),
  tracker: fc.array(fc.constantFrom('none', 'none', 'none', 'refused', 'answer_lost'), { maxLength: 60 }),
  refusals: fc.array(fc.boolean(), { maxLength: 3 }),
  budgetUsd: fc.constantFrom(null, 1, 5),
})

const anyKills: fc.Arbitrary<Kill[]> = fc.array(
  fc.record({ at: fc.integer({ min: 1, max: 400 }), goneMs: fc.constantFrom(0, 50, 100_000) }),
  {
    maxLength: 6,
  },
)

test('whatever agents, tracker and hooks do, and however often the runner is killed, the promises hold', async () => {
  await fc.assert(
    fc.asyncProperty(anyStory, anyKills, async (story, kills) => {
      expect((await tellStory(story, kills)).broken).toEqual([])
    }),
    { numRuns: 1_500 },
  )
})

/** Runners that forget something. Each must be found out, or the stories would prove nothing. */
const FAULTY: Record<string, (context: RunnerContext) => RunnerContext> = {
  'writes no journal': context => ({ ...context, journal: { ...context.journal, save: () => {} } }),
  'takes a living agent for a dead one, and does not end it': context => {
    const { supervision } = context
    const inspect = (run: string, attempt: number) => {
      const state = supervision.inspect(run, attempt)
      return state.state === 'alive' ? { state: 'gone' as const } : state
    }
    return {
      ...context,
      supervision: { ...supervision, inspect, follow: async () => null, sweep: async () => 0, takeOver: async () => {} },
    }
  },
  'takes every claim for its own': context => ({ ...context, tracker: { ...context.tracker, claim: async () => 'ours' } }),
  'removes a workspace before its work is committed': context => ({
    ...context,
    workspaces: {
      ...context.workspaces,
      collect: async (_workspace, { runId }) => ({ branch: runId, commits: [], files: [], diff: '', rescued: [], remarks: [] }),
    },
  }),
}

for (const [name, change] of Object.entries(FAULTY)) {
  test(`a runner that ${name} breaks a promise in some story`, async () => {
    const stories = Object.values(STORIES)
    const broken: string[] = []
    for (const story of stories)
      for (let at = 1; at <= 200 && broken.length === 0; at += 7)
        broken.push(...(await tellStory(story, [{ at, goneMs: 0 }], change)).broken)
    expect(broken).not.toEqual([])
  })
}
