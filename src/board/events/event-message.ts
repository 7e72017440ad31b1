import { EVENT_TYPES, type EventType } from '../../contract/event-types.ts'
import type { RunnerEvent } from '../../core/event.ts'
import { atLength, sentence } from '../../core/text/sentence.ts'
import { cut } from '../../core/text/words.ts'
import { isRunnerEvent } from './event-map.ts'

/** The longest message, in characters: a line for people, whose whole text stands in the data. */
const LONGEST = 500

/** What the control plane itself tells of a run. */
const OWN: Record<EventType, (data: Record<string, unknown>) => string> = {
  RUN_CREATED: ({ name }) => `the run ${text(name)} was created`,
  RUN_STARTED: ({ agent, attempt }) =>
    `${text(agent) || 'an agent'} took the run${attempt === undefined ? '' : `, attempt ${text(attempt)}`}`,
  AGENT_THINKING: () => 'the agent thinks',
  PLAN_GENERATED: () => 'the agent made a plan',
  EXECUTING: () => 'the run goes on',
  TOOL_USED: ({ tool }) => `the agent used ${text(tool) || 'a tool'}`,
  STEP_COMPLETED: () => 'a step is done',
  LOG: () => '',
  RUN_PAUSED: data => `the run is paused${byWhom(data)}`,
  RUN_RESUMED: data => `the run was resumed${byWhom(data)}`,
  RUN_STOPPED: data => `the run was stopped${byWhom(data)}`,
  DIRECTIVE: ({ state, text: told }) => `directive ${text(state).replaceAll('_', ' ')}: ${text(told)}`,
  RUN_COMPLETED: ({ status }) => `the run is completed${status === undefined ? '' : `, status ${text(status)}`}`,
  RUN_FAILED: ({ error, note }) => `the run failed${because(text(error) || text(note))}`,
  RUN_RECOVERED: ({ reason }) => `the run went back to the queue${because(text(reason))}`,
}

/** The message of an event, as one line for people. Data of any shape has one. */
export function messageOf(type: string, data: Record<string, unknown>): string {
  const own = (EVENT_TYPES as readonly string[]).includes(type) ? OWN[type as EventType](data) : ''
  const told = typeof data.type === 'string' ? runnerSentence(data) : text(data.message) || own
  return cut((told || own || type.toLowerCase().replaceAll('_', ' ')).replace(/\s+/g, ' ').trim(), LONGEST)
}

/** The runner's own sentence. Events come from other machines and versions: what has another shape has none. */
function runnerSentence(data: Record<string, unknown>): string {
  if (!isRunnerEvent(data)) return text(data.message)
  try {
    const event = data as unknown as RunnerEvent
    return sentence(event) || atLength(event)
  } catch {
    return text(data.message)
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '')
const byWhom = ({ by }: Record<string, unknown>) => (text(by) ? ` by ${text(by)}` : '')
const because = (reason: string) => (reason ? `: ${reason}` : '')
