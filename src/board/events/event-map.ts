import * as z from 'zod'
import type { EventType } from '../../contract/event-types.ts'
import type { RunStatus } from '../../contract/run-states.ts'
import type { RunnerEvent, StampedEvent } from '../../core/event.ts'
import { LIMITS } from '../../core/limits.ts'
import { changeTotals, type Wish } from '../../core/run.ts'
import type { RunRow } from '../store/schema.ts'

/** What a runner's event means to the control plane. */
interface Meaning {
  /** Its type in the timeline. */
  type: EventType
  /** The facts about the run that follow from it. */
  tells?(event: StampedEvent, run: RunRow): Partial<RunRow>
  /** The state in which the run is then. */
  becomes?: RunStatus
  /** The kinds of wishes that are done then. */
  delivers?: readonly Wish['kind'][]
  /** The ids of the wishes that are done then. */
  deliversNamed?(event: StampedEvent): readonly string[]
}

/** Reads what an event tells. Events come from other machines and versions: one of another shape tells nothing, and stays a line of the timeline. */
function telling<T>(shape: z.ZodType<T>, tells: (event: T, run: RunRow) => Partial<RunRow>): Meaning['tells'] {
  return (event, run) => {
    const parsed = shape.safeParse(event)
    return parsed.success ? tells(parsed.data, run) : {}
  }
}

/** An id, a name, a model: shown in every list. */
const word = z.string().max(LIMITS.word.most)
const number = (most: number) => z.number().min(0).max(most)
const count = number(LIMITS.tokens.most)
const tokens = z.object({ input: count, output: count, cacheRead: count, cacheWrite: count })
const cost = number(LIMITS.cost.most)
const lines = number(LIMITS.tokens.most).nullable()
const work = z.object({
  branch: word.nullable(),
  commits: z.array(z.object({ sha: word, subject: z.string() })),
  files: z.array(z.object({ added: lines, removed: lines })),
  more: z.object({ files: count, added: count, removed: count }).optional(),
})
/** Tools by which agents write down what they are going to do. */
const PLANNING = ['TodoWrite', 'ExitPlanMode', 'TaskCreate']

/** A runner's events in the words of the control plane. The whole runner event is the data of the line. */
const EVENT_MAP: Readonly<Record<RunnerEvent['type'], Meaning>> = {
  runner_started: { type: 'LOG' },
  runner_stopped: { type: 'LOG' },
  idle: { type: 'LOG' },
  health: { type: 'LOG' },
  signal: { type: 'LOG' },
  warning: { type: 'LOG' },
  waiting: { type: 'LOG' },
  hook_finished: { type: 'LOG' },
  agent_text: { type: 'LOG' },
  tool_result: { type: 'LOG' },
  recovered: { type: 'RUN_RECOVERED' },
  task_taken: { type: 'LOG', tells: telling(z.object({ model: word }), ({ model }) => ({ model })) },
  step_started: { type: 'EXECUTING' },
  step_finished: { type: 'STEP_COMPLETED' },
  workspace_ready: {
    type: 'LOG',
    tells: telling(
      z.object({ workspace: z.object({ branch: word.nullable(), base: word.nullable() }) }),
      ({ workspace: { branch, base } }) => ({ branch, base }),
    ),
  },
  attempt_started: {
    type: 'EXECUTING',
    tells: telling(
      z.object({ attempt: z.int().min(0).max(LIMITS.attempt.most), sessionId: word, model: word }),
      ({ attempt, sessionId, model }) => ({
        current_iteration: attempt,
        session_id: sessionId,
        model,
      }),
    ),
    deliversNamed: event => z.object({ directives: z.array(z.string()) }).safeParse(event).data?.directives ?? [],
  },
  agent_ready: {
    type: 'LOG',
    tells: telling(z.object({ sessionId: word, model: word }), ({ sessionId, model }) => ({ session_id: sessionId, model })),
  },
  agent_thinking: { type: 'AGENT_THINKING' },
  tool_used: { type: 'TOOL_USED', tells: (_, run) => ({ tool_calls: run.tool_calls + 1 }) },
  attempt_ended: {
    type: 'LOG',
    tells: telling(z.object({ end: z.object({ costUsd: cost, tokens }) }), ({ end }, run) => ({
      cost_usd: Math.min(run.cost_usd + end.costUsd, LIMITS.cost.most),
      tokens: JSON.stringify(sum(run.tokens, end.tokens)),
    })),
  },
  part_finished: { type: 'STEP_COMPLETED' },
  run_paused: { type: 'RUN_PAUSED', becomes: 'PAUSED', delivers: ['pause'] },
  run_resumed: { type: 'RUN_RESUMED', becomes: 'RUNNING', delivers: ['resume'] },
  run_finished: {
    type: 'LOG',
    tells: telling(z.object({ costUsd: cost, work: work.nullish() }), finished),
  },
}

/** Whether data has the form of a runner's event. */
export const isRunnerEvent = (data: { type?: unknown }): boolean => typeof data.type === 'string' && Object.hasOwn(EVENT_MAP, data.type)

/** Whether the state of the run depends on this event, so that it is processed even if nothing more may be stored. */
export const isNews = (event: StampedEvent, { tells, becomes, delivers, deliversNamed }: Meaning): boolean =>
  event.type !== 'tool_used' && (tells ?? becomes ?? delivers ?? deliversNamed) !== undefined

/** The meaning of an event as it came in. One of a newer runner is a line of the log. */
export function meaningOf(event: StampedEvent): Meaning {
  if (!isRunnerEvent(event)) return { type: 'LOG' }
  const meaning = EVENT_MAP[event.type]
  return event.type === 'tool_used' && PLANNING.includes(event.tool) ? { ...meaning, type: 'PLAN_GENERATED' } : meaning
}

function finished(event: { costUsd: number; work?: z.infer<typeof work> | null }): Partial<RunRow> {
  if (!event.work) return { cost_usd: event.costUsd }
  const { branch, commits } = event.work
  const { files, added, removed } = changeTotals(event.work)
  const diff = { files, insertions: added, deletions: removed }
  return { cost_usd: event.costUsd, branch, commits: JSON.stringify(commits), diff_summary: JSON.stringify(diff) }
}

const together = (a: number, b: number) => Math.min(a + b, LIMITS.tokens.most)

function sum(before: string | null, now: z.infer<typeof tokens>): z.infer<typeof tokens> {
  const { input, output, cacheRead, cacheWrite } = tokens.parse(
    before === null ? { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } : JSON.parse(before),
  )
  return {
    input: together(input, now.input),
    output: together(output, now.output),
    cacheRead: together(cacheRead, now.cacheRead),
    cacheWrite: together(cacheWrite, now.cacheWrite),
  }
}
