import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openClaude, type PermissionMode } from '../../src/agents/claude/claude.ts'
import type { AttemptPlan } from '../../src/core/ports/agent.ts'
import { CLAUDE, claudeEnv, runAttempt } from './claude-run.ts'
import type { ModelScript, ScriptedTurn } from './model-script.ts'
import { startScriptedModel } from './scripted-model.ts'
import { tempFolder } from './temp.ts'

/** A plan for a first attempt without limits. */
export function planOf(changes: Partial<AttemptPlan> = {}): AttemptPlan {
  const limits = { maxCostUsd: null, verdict: false, maxTurns: null, dryRun: false }
  return { mode: 'fresh', sessionId: randomUUID(), model: 'sonnet', cwd: '/', ...limits, ...changes }
}

export interface Around {
  turns?: ModelScript | ScriptedTurn[]
  /** Where the CLI looks for its model; left out: at the scripted one. */
  url?: string
  env?: Record<string, string>
  permissionMode?: PermissionMode
  workspaceName?: string
}

/** The real CLI in an empty workspace, and a model that follows the turns. */
export async function claudeStage({ turns = [], url, env: more = {}, permissionMode = 'skip', workspaceName = 'shop' }: Around) {
  const model = await startScriptedModel(turns)
  onTestFinished(() => model.close())
  const folder = tempFolder()
  const cwd = join(folder, workspaceName)
  mkdirSync(cwd, { recursive: true })
  const env = { ...claudeEnv(folder, url ?? model.url), ...more }
  const agent = openClaude({ command: CLAUDE, extraArgs: [], permissionMode, env })
  const plan = planOf({ cwd })
  type RunOptions = { prompt?: string; onEvent?: Parameters<typeof runAttempt>[2]['onEvent'] }
  const run = (changes: Partial<AttemptPlan> = {}, { prompt = 'Greet the world.', onEvent }: RunOptions = {}) =>
    runAttempt(agent, { ...plan, ...changes }, { prompt, folder, env, onEvent })
  return { model, cwd, env, agent, plan, run }
}

/** A turn that comes again for as long as it is asked. */
export const always = (turn: { status: number; [key: string]: unknown }) => [{ ...turn, times: 'always' } as ScriptedTurn]
