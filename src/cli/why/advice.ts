import { ENDS, type EndReason, end } from '../../core/ends.ts'
import { keepsFromTasks } from '../../core/outage.ts'
import { count, moment } from '../../core/text/words.ts'
import { oneLine } from '../output/clean.ts'
import { shownWord } from '../output/shown-word.ts'
import type { Facts } from './facts.ts'

/** One thing that the user can do. */
export interface Advice {
  text: string
  /** What to type, exactly; null when it is done elsewhere. */
  command: string | null
}

/** What the user can do, the most useful first. */
export function whatYouCanDo(facts: Facts): Advice[] {
  const { runId, runner, lock, record } = facts
  const all: Advice[] = []
  const { outage } = facts
  // A run that is over has nothing to do with it.
  if (outage && keepsFromTasks(outage) && (record || runId === null)) {
    const times = `${count(outage.ends, 'time')} in a row since ${moment(new Date(outage.since).toISOString(), facts.now)}`
    all.push({ text: `${end(outage.reason).advice} (${times}, ${count(outage.tasks.length, 'task')})`, command: null })
  }
  if (facts.tracker?.kind === 'unreachable') all.push({ text: oneLine(facts.tracker.advice || 'See that the PM answers.'), command: null })
  if (lock && lock.problem !== null) all.push(...unreadable(facts))
  else if (record) all.push(...unfinished(facts))
  else if (facts.result) all.push(...ended(facts, facts.result))
  else if (runId === null && runner)
    all.push(add('give it something to do', `agent-runner task add --title "…" --role ${shownWord(runner.role || 'backend_dev')}`))
  if (runId !== null) all.push(add('all that happened', `agent-runner logs ${runId}${runner && record ? ' -f' : ''}`))
  return all
}

function unreadable({ agentId, lock, runner }: Facts): Advice[] {
  return [
    add('look at the file', `less ${shownWord(lock?.path ?? '')}`),
    ...(runner ? [] : [add('move it away, knowing what is given up', `agent-runner unlock ${agentId} --force`)]),
  ]
}

function unfinished({ agentId, record, runner, processes, tracker }: Facts): Advice[] {
  if (runner) return [add('have the runner finish this task and take no more', `kill -TERM ${runner.process.pid}`)]
  const repo = record?.workspace?.repo
  const from = record?.tracker.name === 'headless-pm' && tracker?.kind === 'elsewhere' ? ` --api-url ${shownWord(record.tracker.url)}` : ''
  const role = record?.agent.role || record?.task.role || 'backend_dev'
  const level = record ? ` --level ${record.agent.level}` : ''
  const go = `agent-runner --role ${shownWord(role)} --agent-id ${agentId}${level}${repo ? ` --repo ${shownWord(repo)}` : ''}${from}`
  const alive = processes.supervisor !== null || processes.agent !== null
  return [
    add('go on with it', go),
    add(
      alive ? 'give the task back instead; with --force this ends the agent' : 'give the task back instead',
      `agent-runner unlock ${agentId}`,
    ),
  ]
}

function ended({ runId, task, tracker, checkout }: Facts, result: NonNullable<Facts['result']>): Advice[] {
  const row = Object.hasOwn(ENDS, result.reason) ? end(result.reason as EndReason) : null
  const all: Advice[] = []
  if (row && row.advice !== '') all.push({ text: row.advice, command: null })
  const moved = tracker?.kind === 'answered' && tracker.holding !== 'finished'
  const embedded = task?.id.startsWith('tsk_') === true
  if (result.status === 'pending' && !moved) {
    if (embedded) all.push(add('put it back into the queue', `agent-runner task requeue ${shownWord(result.task_id)}`))
    else all.push({ text: 'move the task back to created at the PM', command: null })
  }
  if (result.kept || result.rescued.length > 0 || (checkout && checkout.rescued.length > 0))
    all.push(add('see the work that was kept', `agent-runner rescue show ${runId}`))
  return all
}

const add = (text: string, command: string): Advice => ({ text, command })
