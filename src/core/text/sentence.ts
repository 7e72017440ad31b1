import { adviceFor, end } from '../ends.ts'
import type { RunnerEvent } from '../event.ts'
import { count, cut, duration, localStamp, money, STEP_DOING } from './words.ts'

/** The text that is only told at length: what the agent thinks, and what its tools answer; '' for all other events. */
export function atLength(event: RunnerEvent): string {
  if (event.type === 'agent_thinking') return event.text.trim() === '' ? '' : `the agent thinks: ${event.text}`
  return event.type === 'tool_result' && event.ok && event.text.trim() !== '' ? `the tool answered: ${event.text}` : ''
}

/** A sentence for each kind of event. A kind without one does not compile. */
const SENTENCES: { [Type in RunnerEvent['type']]: (event: Extract<RunnerEvent, { type: Type }>) => string } = {
  runner_started: event =>
    `Agent Runner ${event.version} started: ${event.role}, ${event.level}, tasks from ${event.tracker}, repository ${event.repo}`,
  runner_stopped: event => `Agent Runner stopped: ${event.reason}; ${count(event.tasks, 'task')}, exit code ${event.exitCode}`,
  idle: event => `idle: ${event.message}; next look in ${duration(event.nextLookInMs)}`,
  health: event => `health ${event.ok ? 'good' : 'bad'}: ${event.message}`,
  signal: event => `${event.signal}: ${event.message}`,
  warning: event => `warning: ${event.message}${event.advice ? ` (${event.advice})` : ''}`,
  recovered: event => `recovery, ${event.decision.replaceAll('_', ' ')}: ${event.message}`,
  task_taken(event) {
    const { task } = event
    return `task ${task.id} taken: ${task.title} (${task.complexity}, ${task.seniority}, model ${event.model})`
  },
  step_started: event => `step ${event.step}: ${STEP_DOING[event.step]}`,
  step_finished: event => `step ${event.step} done${event.result ? `: ${event.result}` : ''} (${duration(event.ms)})`,
  hook_finished: event =>
    `hook ${event.hook} ${hookVerdict(event.exitCode)} (${duration(event.ms)})${event.message ? `: ${event.message}` : ''}; log ${event.log}`,
  workspace_ready(event) {
    const { kind, path, branch, fallback } = event.workspace
    const why = fallback && `; ${kind === 'in-place' ? 'not a worktree: ' : ''}${fallback}`
    return `workspace: ${kind} ${path}${branch ? ` on ${branch}` : ''}${why ?? ''}`
  },
  attempt_started: event =>
    `attempt ${event.attempt} started (${event.mode}, model ${event.model}, session ${event.sessionId}, deadline ${duration(event.deadlineMs)})`,
  attempt_ended(event) {
    const { end: ended } = event
    const why = ended.reason === 'completed' || ended.text === '' ? '' : `: ${ended.text}`
    return `attempt ${event.attempt} ended, ${end(ended.reason).says}${why} (${duration(ended.durationMs)}, ${count(ended.turns, 'turn')}, ${count(ended.toolCalls, 'tool call')}, ${money(ended.costUsd, ended.costIsLeast)})`
  },
  part_finished: event => `part ${event.part} of ${event.of} done: ${event.name}`,
  run_paused: event => event.message,
  run_resumed: event => event.message,
  waiting: event => `waiting until ${localStamp(event.untilMs)}: ${event.message}${event.advice ? `. ${event.advice}` : ''}`,
  agent_ready: event => `agent ready, model ${event.model}`,
  agent_thinking: () => '',
  agent_text: event => (event.text.trim() === '' ? '' : `agent: ${event.text}`),
  tool_used: event => `tool ${event.tool}: ${cut(event.argument, 500)}`,
  tool_result: event => (event.ok ? '' : `tool failed: ${cut(event.text, 500)}`),
  run_finished(event) {
    const { says } = end(event.reason)
    const advice = adviceFor(event.reason, event.status !== 'pending')
    const status = event.status ? `, status ${event.status}` : ''
    const kept = event.kept ? `; kept in ${event.kept}` : ''
    const commits = event.work ? count(event.work.commits.length, 'commit') : ''
    const work = event.work?.branch
      ? `; branch ${event.work.branch}, ${commits}`
      : event.work?.commits.length
        ? `; ${commits} on no branch, kept in a ref of ours: agent-runner rescue list`
        : ''
    return `run finished: ${says}${status} (${duration(event.durationMs)}, ${money(event.costUsd, event.costIsLeast)})${work}${kept}${advice ? `. ${advice}` : ''}`
  },
}

/** What happened, in one sentence; '' for what is told at length alone. */
export const sentence = (event: RunnerEvent): string => (SENTENCES[event.type] as (event: RunnerEvent) => string)(event)

function hookVerdict(exitCode: number | null): string {
  if (exitCode === 0) return 'passed'
  return exitCode === null ? 'was stopped' : `failed with exit code ${exitCode}`
}
