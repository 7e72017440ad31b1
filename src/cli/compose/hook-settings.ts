import { dirname } from 'node:path'
import type { Config } from '../../config/config.ts'
import { isOfRepository } from '../../config/load.ts'
import { toPolicy } from '../../config/policy.ts'
import { trackerChoice, trackerUrl } from '../../config/tracker-choice.ts'
import { refusalNow } from '../../config/trust/again.ts'
import { modelFor } from '../../core/policy.ts'
import type { FoundHook } from '../../machine/hooks/hook-discovery.ts'
import type { HookOptions } from '../../machine/hooks/hooks.ts'
import { passOn } from '../../machine/process/child-environment.ts'
import { selfCommand } from '../../machine/process/self.ts'
import type { HookFacts } from '../hooks/actions.ts'
import { boardFile } from '../task/embedded-board.ts'
import { builtInHook } from './built-in-hooks.ts'

/** Where hooks are and how long they may take, from the configuration. */
export function hookOptions({ values, sources }: Config): HookOptions {
  const { hooksDir, repo, home, hookTimeout, killGrace, minFreeDisk } = values
  // The shipped hooks have the same default, and have a variable of their own for another value.
  const env: Record<string, string> = sources.minFreeDisk.kind === 'default' ? {} : { AGENT_RUNNER_MIN_FREE_MB: String(minFreeDisk) }
  const times = { timeoutMs: hookTimeout * 1000, killGraceMs: killGrace * 1000 }
  // A folder that the user named is the user's, wherever it is.
  const isOurs = (origin: FoundHook['origin']) => origin === 'user' || (origin === 'hooks-dir' && !isOfRepository(sources.hooksDir))
  const refuses: HookOptions['refuses'] = ({ origin, path }) => (isOurs(origin) ? null : refusalNow(home, repo, [dirname(path)]))
  return { env, hooksDir, repo, home, refuses, ...times, self: selfCommand(), builtIn: builtInHook }
}

/** The facts for a hook that is called by hand, from the configuration; the agent is `trial` where none is configured. */
export async function hookFacts(config: Config, env: NodeJS.ProcessEnv): Promise<HookFacts> {
  const { agentId, role, level, home, claudeCommand, passEnv } = config.values
  passOn(passEnv)
  const agent = { id: agentId ?? 'trial', role: role ?? 'backend_dev', level }
  const { tracker } = trackerChoice(config)
  const { findClaude } = await import('../../agents/claude/claude-discovery.ts')
  return {
    agent,
    tracker: { name: tracker, url: trackerUrl(config) ?? boardFile(home) },
    modelFor: task => modelFor(toPolicy(config, '').models, task, agent.role),
    agentCommand: findClaude({ configured: claudeCommand, env, home: env.HOME ?? home }),
  }
}
