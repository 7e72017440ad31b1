import type { Config } from '../../config/config.ts'
import type { Workspaces } from '../../core/ports/workspaces.ts'
import { inPlaceHolder } from './in-place-holder.ts'

/** The configured workspaces, for one agent. They are loaded at first use: a runner that waits needs none. */
export function openConfiguredWorkspaces({ values }: Config, agentId: string, warn: (message: string) => void): Workspaces {
  const load = async () => {
    const { openWorkspaces } = await import('../../workspaces/workspaces.ts')
    return openWorkspaces({
      repo: values.repo,
      worktreeBase: values.worktreeBase,
      stateFolder: values.home,
      baseBranch: values.baseBranch,
      dirtyInPlace: values.dirtyInPlace,
      onWorktreeFailure: values.onWorktreeFailure,
      author: commitAuthor(values),
      commitMessage: values.commitMessage,
      diffBytes: values.diffLimit * 1024,
      warn,
      inPlaceHeldBy: path => inPlaceHolder(values.home, path, agentId),
    })
  }
  let loaded: Promise<Workspaces> | undefined
  const opened = () => (loaded ??= load())
  return {
    ready: async request => (await opened()).ready(request),
    plan: async request => (await opened()).plan(request),
    prepare: async (request, hurry) => (await opened()).prepare(request, hurry),
    restore: async (workspace, request) => (await opened()).restore(workspace, request),
    collect: async (workspace, request, success) => (await opened()).collect(workspace, request, success),
    diffSoFar: async (...of) => (await opened()).diffSoFar(...of),
    cleanup: async (...how) => (await opened()).cleanup(...how),
  }
}

/** The author of the commits that we make; null for git's own identity. */
export function commitAuthor(values: Config['values']): { name: string; email: string } | null {
  const author = /^(.+) <(.+)>$/.exec(values.commitAuthor ?? '')
  return author && { name: author[1] as string, email: author[2] as string }
}
