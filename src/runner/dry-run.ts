import { modelFor, rolePolicy } from '../core/policy.ts'
import type { Command } from '../core/ports/agent.ts'
import type { WorkspaceKind } from '../core/run.ts'
import type { Task } from '../core/task.ts'
import { budgetUsd } from './attempts/attempt-choice.ts'
import { firstPrompt } from './attempts/prompt.ts'
import type { RunnerContext } from './context.ts'
import { newRun } from './run-in-hand.ts'

/** What a start would do with the next task. */
export interface DryRun {
  task: Task
  model: string
  workspace: { kind: WorkspaceKind; path: string; branch: string | null; base: string | null; remark: string | null }
  command: Command
  prompt: string
}

/**
 * Looks at the queue once and says what would be taken and how it would be done; null when there is nothing. Touches
 * nothing: not the tracker, not the state folder, not the repository. The session id in the command is an example.
 */
export async function dryRun(context: RunnerContext): Promise<DryRun | null> {
  const { tracker, identity, stops, policy, workspaces, agent } = context
  const task = await tracker.look(identity, 0, stops.draining)
  if (!task) return null
  const record = newRun(task, context)
  const workspace = await workspaces.plan({ runId: record.runId, task, agentId: identity.id, inherited: null })
  const model = modelFor(policy.models, task, identity.role)
  const { verdict } = rolePolicy(policy, identity.role)
  const mentions = await tracker.mentions(identity, stops.draining)
  const prompt = firstPrompt({
    identity,
    task,
    roleInstructions: policy.roleInstructions,
    workspace: { ...workspace, continued: false },
    mentions,
    verdict,
  })
  const maxCostUsd = budgetUsd(record, policy)
  const command = agent.command({
    mode: 'fresh',
    sessionId: context.newSessionId(),
    model,
    maxCostUsd,
    verdict,
    maxTurns: null,
    dryRun: false,
    cwd: workspace.path,
  })
  return { task, model, workspace, command, prompt }
}
