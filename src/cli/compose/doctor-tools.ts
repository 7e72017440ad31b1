import { existsSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { trackerChoice } from '../../config/tracker-choice.ts'
import type { Complexity } from '../../core/task.ts'
import { openTracker } from '../compose.ts'
import type { DoctorTools } from '../doctor/check.ts'
import { boardFile } from '../task/embedded-board.ts'
import { openConfiguredWorkspaces } from './workspaces.ts'

/** The real adapters, as a run with this configuration would use them. */
export function doctorTools(config: Config, env: NodeJS.ProcessEnv): DoctorTools {
  const { values } = config
  return {
    async pingTracker(signal) {
      // Opening a board makes its file; a look at the machine makes nothing.
      if (trackerChoice(config).tracker === 'embedded' && !existsSync(boardFile(values.home))) return
      const tracker = await openTracker(config)
      await tracker.ping(signal).finally(() => tracker.close())
    },
    async findAgent() {
      const { findClaude } = await import('../../agents/claude-discovery.ts')
      return findClaude({ configured: values.claudeCommand, env, home: env.HOME ?? values.home })
    },
    async probeAgent(command) {
      const { probeClaude, TRIED_RANGE } = await import('../../agents/claude-probe.ts')
      return { ...(await probeClaude(command, env)), triedRange: TRIED_RANGE }
    },
    async planWorkspace(complexity) {
      const agentId = values.agentId ?? ''
      const workspaces = await openConfiguredWorkspaces(config, agentId, () => {})
      return workspaces.plan({ runId: 'run_sample', task: sampleTask(complexity), agentId, inherited: null })
    },
  }
}

const sampleTask = (complexity: Complexity) => ({
  id: 'sample',
  title: 'sample',
  description: '',
  criteria: [],
  role: 'backend_dev',
  seniority: 'senior' as const,
  complexity,
  branch: null,
  priority: 0,
  dependsOn: [],
  maxCostUsd: null,
  runId: null,
  plan: null,
  model: null,
  status: 'created',
  notes: '',
})
