import type { RunnerEvent, StampedEvent } from '../../core/event.ts'
import { sentence } from '../../core/text/sentence.ts'
import { oneLine } from '../output/clean.ts'
import type { Facts } from './facts.ts'

/** One thing that happened. Time ISO 8601. */
export interface Happened {
  at: string
  text: string
}

/** How many of the last events are shown, besides the beginning of the run and the end of its last attempt. */
const LAST = 5

/** The events that a reader wants to know; everything else is detail that `logs` shows. */
const TOLD: ReadonlySet<RunnerEvent['type']> = new Set<RunnerEvent['type']>([
  'task_taken',
  'recovered',
  'warning',
  'hook_finished',
  'workspace_ready',
  'attempt_started',
  'attempt_ended',
  'run_paused',
  'run_resumed',
  'waiting',
  'agent_text',
  'tool_used',
  'run_finished',
])

/** What happened last, oldest first. */
export function whatHappened({ events }: Pick<Facts, 'events'>): Happened[] {
  const told = events.filter(event => TOLD.has(event.type) && !(event.type === 'hook_finished' && event.exitCode === 0))
  const chosen = new Set<StampedEvent>(told.slice(-LAST))
  const landmarks = [told.find(event => event.type === 'task_taken'), told.findLast(event => event.type === 'attempt_ended')]
  for (const event of landmarks) if (event) chosen.add(event)
  return told.filter(event => chosen.has(event)).map(event => ({ at: event.at, text: oneLine(sentence(event), 600) }))
}
