import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Board, openBoard } from '../../src/board/board.ts'
import { composeRunner } from '../../src/cli/compose/compose.ts'
import { openTimeline } from '../../src/cli/run/timeline.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { StampedEvent } from '../../src/core/event.ts'
import { openRunFiles } from '../../src/machine/journal/run-files.ts'
import { openStateFolder } from '../../src/machine/locks/state-folder.ts'
import { endTagged, RUN_TAG, taggedProcesses } from '../../src/machine/process/processes.ts'
import type { RunnerContext } from '../../src/runner/context.ts'
import { runLoop } from '../../src/runner/loop.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { speakingAgent } from './agent-program.ts'
import { git, gitRepo } from './git-repo.ts'
import { SELF } from './program.ts'
import { tempFolder } from './temp.ts'
import { trustAsItIs } from './trusted.ts'

/** A whole runner in this process with everything real around it but the agent CLI, which is a shell script. */
export interface RunnerStage {
  home: string
  repo: string
  board: Board
  /** Changes what the agent does from its next start on. */
  agentDoes(script: string): void
  /** One runner's life, as after a fresh start of the program. */
  run(options?: {
    single?: boolean
    stops?: Stops
    change?: (context: RunnerContext) => void
  }): Promise<{ exitCode: number; events: StampedEvent[] }>
  git(...args: string[]): string
}

export async function runnerStage(
  script: string,
  options: { env?: Record<string, string>; files?: Record<string, string> } = {},
): Promise<RunnerStage> {
  const home = tempFolder('agent-runner-home-')
  const repo = gitRepo(options.files)
  openStateFolder(home, [])
  const board = await openBoard(join(home, 'agent-runner.db'), { project: repo })
  const agent = speakingAgent(home, script)
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: home,
    HEADLESS_PM_HOME: home,
    HEADLESS_PM_AGENT_ID: 'dev_001',
    HEADLESS_PM_ROLE: 'backend_dev',
    HEADLESS_PM_CLAUDE_COMMAND: agent,
    HEADLESS_PM_KILL_GRACE: '1',
    HEADLESS_PM_MIN_FREE_DISK: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    ...options.env,
  }
  const runs = new Set<string>()
  onTestFinished(async () => {
    for (const run of runs) await endTagged(RUN_TAG, run, 0)
    await board.close()
  })
  return {
    home,
    repo,
    board,
    agentDoes: text => void speakingAgent(home, text),
    git: (...args) => git(repo, ...args),
    async run({ single = true, stops = new Stops(), change } = {}) {
      if (options.files) await trustAsItIs(repo, home)
      const config = await loadConfig({ flags: {}, env, cwd: repo })
      const files = openRunFiles(home)
      const events: StampedEvent[] = []
      const emit = openTimeline('dev_001', files, event => {
        events.push(event)
        if (event.runId) runs.add(event.runId)
      })
      const context = await composeRunner(config, { stops, files, emit, env, self: SELF, askHookRefusal: null })
      change?.(context)
      try {
        const { exitCode } = await runLoop(context, { single })
        return { exitCode, events }
      } finally {
        context.tracker.close()
      }
    },
  }
}

/** Processes of any run that are alive now. */
export function processesOf(events: StampedEvent[]): number {
  const runs = new Set(events.flatMap(event => event.runId ?? []))
  return [...runs].reduce((sum, run) => sum + taggedProcesses(RUN_TAG, run).length, 0)
}
