import { adviceFor, end } from '../ends.ts'
import type { RunnerEvent } from '../event.ts'
import { count, cut, duration, localStamp, money, STEP_DOING } from './words.ts'

/** The text that is only told at length: what the agent thinks, and what its tools answer; '' for all other events. */
export function atLength(event: RunnerEvent): string {
  if (event.type === 'agent_thinking') return event.text.trim() === '' ? '' : `the agent thinks: ${event.text}`
  return event.type === 'tool_result' && event.ok && event.text.trim() !== '' ? `the tool answered: ${event.text}` : ''
}

/** What happened, in one sentence. A kind of event without a sentence does not compile. */
export function sentence(event: RunnerEvent): string {
  switch (event.type) {
    case 'runner_started':
      return `Agent Runner ${event.version} started: ${event.role}, ${event.level}, tasks from ${event.tracker}, repository ${event.repo}`
    case 'runner_stopped':
      return `Agent Runner stopped: ${event.reason}; ${count(event.tasks, 'task')}, exit code ${event.exitCode}`
    case 'idle':
      return `idle: ${event.message}; next look in ${duration(event.nextLookInMs)}`
    case 'health':
      return `health ${event.ok ? 'good' : 'bad'}: ${event.message}`
    case 'signal':
      return `${event.signal}: ${event.message}`
    case 'warning':
      return `warning: ${event.message}${event.advice ? ` (${event.advice})` : ''}`
    case 'recovered':
      return `recovery, ${event.decision.replaceAll('_', ' ')}: ${event.message}`
    case 'task_taken': {
      const { task } = event
      return `task ${task.id} taken: ${task.title} (${task.complexity}, ${task.seniority}, model ${event.model})`
    }
    case 'step_started':
      return `step ${event.step}: ${STEP_DOING[event.step]}`
    case 'step_finished':
      return `step ${event.step} done${event.result ? `: ${event.result}` : ''} (${duration(event.ms)})`
    case 'hook_finished':
      return `hook ${event.hook} ${hookVerdict(event.exitCode)} (${duration(event.ms)})${event.message ? `: ${event.message}` : ''}; log ${event.log}`
    case 'workspace_ready': {
      const { kind, path, branch, fallback } = event.workspace
      const why = fallback && `; ${kind === 'in-place' ? 'not a worktree: ' : ''}${fallback}`
      return `workspace: ${kind} ${path}${branch ? ` on ${branch}` : ''}${why ?? ''}`
    }
    case 'attempt_started':
      return `attempt ${event.attempt} started (${event.mode}, model ${event.model}, session ${event.sessionId}, deadline ${duration(event.deadlineMs)})`
    case 'attempt_ended': {
      const { end: ended } = event
      const why = ended.reason === 'completed' || ended.text === '' ? '' : `: ${ended.text}`
      return `attempt ${event.attempt} ended, ${end(ended.reason).says}${why} (${duration(ended.durationMs)}, ${count(ended.turns, 'turn')}, ${count(ended.toolCalls, 'tool call')}, ${money(ended.costUsd, ended.costIsLeast)})`
    }
    case 'part_finished':
      return `part ${event.part} of ${event.of} done: ${event.name}`
    case 'run_paused':
    case 'run_resumed':
      return event.message
    case 'waiting':
      return `waiting until ${localStamp(event.untilMs)}: ${event.message}${event.advice ? `. ${event.advice}` : ''}`
    case 'agent_ready':
      return `agent ready, model ${event.model}`
    case 'agent_thinking':
      return ''
    case 'agent_text':
      return event.text.trim() === '' ? '' : `agent: ${event.text}`
    case 'tool_used':
      return `tool ${event.tool}: ${cut(event.argument, 500)}`
    case 'tool_result':
      return event.ok ? '' : `tool failed: ${cut(event.text, 500)}`
    case 'run_finished': {
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
    }
  }
}

function hookVerdict(exitCode: number | null): string {
  if (exitCode === 0) return 'passed'
  return exitCode === null ? 'was stopped' : `failed with exit code ${exitCode}`
}
