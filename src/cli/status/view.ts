import type { ChalkInstance } from 'chalk'
import { STEPS, type StepName } from '../../core/run.ts'
import { count, duration, moment, STEP_DOING } from '../../core/text/words.ts'
import { oneLine } from '../output/clean.ts'
import { columnsOf, cut, wrapped } from '../output/layout.ts'
import { tilde } from '../output/tilde.ts'
import type { AgentState, AgentStatus, KeptWork, MachineStatus } from './machine-status.ts'

/** The status as coloured lines that fit. When there is nothing to tell, it says what to type. */
export function statusLines(status: MachineStatus, now: number, columns: number, paint: ChalkInstance): string[] {
  const lines = status.agents.flatMap((agent, index) => [...(index > 0 ? [''] : []), ...agentLines(agent, now, columns, paint)])
  if (status.agents.length === 0) {
    lines.push(...wrapped('No agent is at work on this machine.', columns), '')
    lines.push(`${paint.dim('Add a task:')}   agent-runner task add --title "…" --role backend_dev`)
    lines.push(`${paint.dim('Start one:')}    agent-runner --role backend_dev --agent-id dev_001`)
  }
  if (status.kept.length > 0)
    lines.push('', paint.bold('Kept work of failed runs'), ...status.kept.flatMap(kept => keptLines(kept, now, columns, paint)))
  return lines
}

const STATE: Record<AgentState, { mark: string; colour: 'green' | 'cyan' | 'yellow' | 'red' | 'gray'; says: string }> = {
  idle: { mark: '○', colour: 'gray', says: 'idle' },
  working: { mark: '●', colour: 'green', says: 'working' },
  waiting: { mark: '◐', colour: 'cyan', says: 'waiting' },
  orphaned: { mark: '●', colour: 'yellow', says: 'working without its runner' },
  interrupted: { mark: '✖', colour: 'red', says: 'interrupted' },
  unreadable: { mark: '✖', colour: 'red', says: 'unreadable lock file' },
}

function agentLines(agent: AgentStatus, now: number, columns: number, paint: ChalkInstance): string[] {
  const { mark, colour, says } = STATE[agent.state]
  const who = [agent.role, agent.level].filter(Boolean).map(word => oneLine(word!, 64))
  const left = `${paint[colour](mark)} ${paint.bold(agent.agent_id)}  ${paint[colour](says)}`
  const role = who.length > 0 ? `  ${paint.dim(who.join(' · '))}` : ''
  const lines = [columnsOf(left + role) <= columns ? left + role : left]
  if (agent.task_title !== null) lines.push(cut(`  ${oneLine(agent.task_title, 300)}`, columns))

  const fact = (label: string, text: string) => {
    const [first = '', ...rest] = wrapped(text, columns - 14)
    lines.push(`  ${paint.dim(label.padEnd(11))} ${first}`, ...rest.map(line => ' '.repeat(14) + line))
  }
  if (agent.problem) fact('problem', `${oneLine(agent.problem)}; nothing of its work is touched`)
  if (agent.step) {
    const since = agent.step_since ? `, for ${duration(now - Date.parse(agent.step_since))}` : ''
    fact('step', `${stepWords(agent.step)}${since}`)
  }
  if (agent.doing) lines.push(cut(`  ${paint.dim('doing'.padEnd(11))} ${oneLine(agent.doing, 300)}`, columns))
  if (agent.waiting_until) fact('waits until', moment(agent.waiting_until, now))
  if (agent.waiting_for) fact('in the way', oneLine(agent.waiting_for, 500))
  if (agent.advice) fact('what to do', agent.advice)
  if (agent.attempts > 0)
    fact('attempts', `${agent.attempts}, supervisor ${agent.supervisor === 'none' ? 'not started' : agent.supervisor}`)
  fact('runner', runnerWords(agent, now))
  if (agent.lock_age_s !== null) fact('lock', `${duration(agent.lock_age_s * 1000)} old`)
  // Paths and ids are there to be copied, so they are not wrapped.
  const exact = (label: string, text: string) => lines.push(`  ${paint.dim(label.padEnd(11))} ${oneLine(text)}`)
  if (agent.problem && agent.lock_file) exact('lock file', agent.lock_file)
  if (agent.branch) exact('branch', agent.branch)
  if (agent.workspace) exact('in', tilde(agent.workspace))
  if (agent.task_id) exact('task', agent.task_id)
  if (agent.run_id) exact('run', agent.run_id)
  return lines
}

function runnerWords({ runner, state, agent_id }: AgentStatus, now: number): string {
  if (runner.alive) {
    const since = runner.since ? ` for ${duration(now - Date.parse(runner.since))}` : ''
    return `alive${since}${runner.pid === null ? '' : `, process ${runner.pid}`}`
  }
  if (state === 'unreadable') return 'not alive'
  return `not alive; start it again with --agent-id ${agent_id} and it goes on`
}

function stepWords(step: string): string {
  return (STEPS as readonly string[]).includes(step) ? STEP_DOING[step as StepName] : oneLine(step, 64)
}

function keptLines(kept: KeptWork, now: number, columns: number, paint: ChalkInstance): string[] {
  const facts = [oneLine(kept.says), moment(kept.finished_at, now), ...(kept.branch ? [oneLine(kept.branch)] : [])]
  if (kept.rescued.length > 0) facts.push(count(kept.rescued.length, 'rescued ref'))
  return [
    cut(`${paint.red('✖')} ${oneLine(kept.title, 300)}`, columns),
    ...wrapped(facts.join(' · '), columns, '  ').map(line => paint.dim(line)),
    `  ${tilde(oneLine(kept.kept))}`,
    `  ${paint.dim(`agent-runner logs ${oneLine(kept.run_id)}`)}`,
  ]
}
