import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { RUNNER } from '../../config/trust/refusal.ts'
import { asRunnerError, RunnerError } from '../../core/errors.ts'
import type { Hooks } from '../../core/ports/hooks.ts'
import type { Workspaces } from '../../core/ports/workspaces.ts'
import type { Task } from '../../core/task.ts'
import { openHooks } from '../../machine/hooks/hooks.ts'
import { hookOptions } from './hook-settings.ts'
import { openConfiguredWorkspaces } from './workspaces.ts'

interface Opening {
  flags: Record<string, unknown>
  cwd: string
  env: NodeJS.ProcessEnv
  self: string[]
  warn(message: string): void
}

/** Workspaces and hooks of one repository, by its own project file. */
interface Place {
  workspaces: Workspaces
  hooks: Hooks
}

/**
 * Workspaces and hooks for a runner whose tasks belong to several repositories: each task's own, opened when it is first needed, as if
 * the runner had been started with --repo there. A folder that cannot be used throws GIT_FAILED, so that the task fails and not the
 * runner.
 */
export function openProjectPlaces(config: Config, { flags, cwd, env, self, warn }: Opening): Place {
  const agentId = config.values.agentId ?? ''
  const places = new Map<string, Promise<Place>>()

  async function open(repo: string): Promise<Place> {
    const own = repo === config.values.repo ? config : await loadConfig({ flags: { ...flags, repo }, env, cwd }, RUNNER)
    return { workspaces: openConfiguredWorkspaces(own, agentId, warn), hooks: openHooks({ ...hookOptions(own), self }) }
  }

  async function placeOf(task: Task | null): Promise<Place> {
    const repo = task?.repo ?? config.values.repo
    const opening = places.get(repo) ?? open(repo)
    places.set(repo, opening)
    try {
      return await opening
    } catch (thrown) {
      // The folder may be there at the next try.
      places.delete(repo)
      const { code, message, advice } = asRunnerError(thrown)
      // A message may stand alone, in a note; without the command a message about trust helps nobody.
      const said = code === 'UNTRUSTED' ? `${message}\n  ${advice}` : message
      throw new RunnerError('GIT_FAILED', `the project's repository cannot be used: ${said}`, { cause: thrown })
    }
  }

  return {
    workspaces: {
      ready: request =>
        placeOf(request.task).then(
          ({ workspaces }) => workspaces.ready(request),
          () => {},
        ),
      plan: async request => (await placeOf(request.task)).workspaces.plan(request),
      prepare: async (request, hurry) => (await placeOf(request.task)).workspaces.prepare(request, hurry),
      restore: async (workspace, request) => (await placeOf(request.task)).workspaces.restore(workspace, request),
      collect: async (workspace, request, success) => (await placeOf(request.task)).workspaces.collect(workspace, request, success),
      diffSoFar: async (workspace, request) => (await placeOf(request.task)).workspaces.diffSoFar(workspace, request),
      cleanup: async (workspace, request, ...how) => (await placeOf(request.task)).workspaces.cleanup(workspace, request, ...how),
    },
    hooks: {
      async run(name, document, ...how) {
        // Without its repository a task has no hooks of its own. The next step reports that it has no workspace either.
        const { hooks } = await placeOf(document.task).catch(() => placeOf(null))
        return hooks.run(name, document, ...how)
      },
    },
  }
}
