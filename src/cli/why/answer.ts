import { whatYouCanDo } from './advice.ts'
import type { Facts } from './facts.ts'
import { whatHappened } from './happened.ts'
import { whatNext } from './next.ts'
import { whatIsTrue } from './now.ts'
import { standing } from './standing.ts'
import type { Answer } from './view.ts'

/** The answer about an agent or a run. A function of the facts alone. */
export function answerOf(facts: Facts): Answer {
  const { record, runner, attempt, lock, result, task } = facts
  return {
    subject: {
      agent_id: facts.agentId,
      run_id: facts.runId,
      task_id: task?.id ?? result?.task_id ?? null,
      task_title: task?.title ?? result?.title ?? null,
    },
    standing: standing(facts),
    happened: whatHappened(facts),
    now: whatIsTrue(facts),
    next: whatNext(facts),
    youCan: whatYouCanDo(facts),
    facts: {
      runner: { alive: runner !== null, pid: runner?.process.pid ?? null, since: runner?.since ?? null },
      attempt: attempt && { number: attempt.number, state: attempt.state.state },
      processes: facts.processes,
      lock_file: lock && { path: lock.path, problem: lock.problem },
      step: record?.steps.at(-1)?.name ?? null,
      tracker: facts.tracker,
      workspace: facts.checkout,
      reason: result?.reason ?? record?.attempts.at(-1)?.ended?.reason ?? null,
      status: result?.status ?? null,
    },
  }
}
