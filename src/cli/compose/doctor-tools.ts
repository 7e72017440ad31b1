import type { Config } from '../../config/config.ts'
import type { Complexity } from '../../core/task.ts'
import { newTask } from '../../core/task.ts'
import { passOn } from '../../machine/process/child-environment.ts'
import type { DoctorTools } from '../doctor/check.ts'
import { refuseMissingBaseBranch } from './base-branch.ts'
import { findAgentCommand, openTracker } from './compose.ts'
import { openConfiguredWorkspaces } from './workspaces.ts'

/** The real adapters, as a run with this configuration would use them. */
export function doctorTools(config: Config, env: NodeJS.ProcessEnv): DoctorTools {
  const { values } = config
  passOn(values.passEnv)
  return {
    async pingTracker(signal) {
      const tracker = await openTracker(config, { look: true })
      await tracker.ping(signal).finally(() => tracker.close())
    },
    findAgent: () => findAgentCommand(config, env),
    async probeAgent(command) {
      const { probeClaude, TRIED_RANGE } = await import('../../agents/claude/claude-probe.ts')
      return { ...(await probeClaude(command, env)), triedRange: TRIED_RANGE }
    },
    refuseMissingBaseBranch: () => refuseMissingBaseBranch(config),
    async planWorkspace(complexity) {
      const agentId = values.agentId ?? ''
      const workspaces = openConfiguredWorkspaces(config, agentId, () => {})
      return workspaces.plan({ runId: 'run_sample', task: sampleTask(complexity), agentId, inherited: null })
    },
  }
}

const sampleTask = (complexity: Complexity) => newTask({ id: 'sample', title: 'sample', complexity })
