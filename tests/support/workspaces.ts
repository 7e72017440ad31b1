import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkspaceRequest } from '../../src/core/ports/workspaces.ts'
import type { Task } from '../../src/core/task.ts'
import { openWorkspaces, type WorkspaceOptions } from '../../src/workspaces/workspaces.ts'
import { git } from './git-repo.ts'
import { FAR_MS } from './patience.ts'
import { tempFolder } from './temp.ts'

const TASK: Task = {
  id: '7',
  title: 'Add a greeting',
  description: '',
  criteria: [],
  role: 'backend_dev',
  seniority: 'senior',
  complexity: 'major',
  branch: null,
  priority: 0,
  dependsOn: [],
  maxCostUsd: null,
  runId: null,
  plan: null,
  model: null,
  status: 'created',
  notes: '',
}

/** A run's request for a workspace. */
export function request(task: Partial<Task> = {}, runId = 'run_01jd2x8k3vfz7s9q4m5n6p7r8t'): WorkspaceRequest {
  return { runId, agentId: 'dev_001', inherited: null, task: { ...TASK, ...task } }
}

/** The workspaces of a repository, with what they warned of. */
export function workspacesOf(repo: string, options: Partial<WorkspaceOptions> = {}) {
  const warnings: string[] = []
  const workspaces = openWorkspaces({
    repo,
    worktreeBase: null,
    stateFolder: null,
    baseBranch: null,
    dirtyInPlace: 'refuse',
    onWorktreeFailure: 'fail',
    author: null,
    commitMessage: 'Task {id}: {title}',
    diffBytes: 100_000,
    warn: message => warnings.push(message),
    gitTimeoutMs: FAR_MS,
    ...options,
  })
  return { workspaces, warnings }
}

/** Makes git unable to make worktrees in a repository, so that a major task gets a clone; answers what that needs. */
export function withoutWorktrees(repo: string): Partial<WorkspaceOptions> {
  writeFileSync(join(repo, git(repo, 'rev-parse', '--git-common-dir'), 'worktrees'), '')
  return { onWorktreeFailure: 'clone', stateFolder: tempFolder() }
}

/** All refs under `refs/agent-runner/`. */
export function rescueRefs(repo: string): string[] {
  return git(repo, 'for-each-ref', '--format=%(refname)', 'refs/agent-runner/').split('\n').filter(Boolean)
}

/** Whether a text is the content of a file in a folder, on a branch, or under `refs/agent-runner/`. */
export function isKept(repo: string, text: string, folders: string[]): boolean {
  const blob = (folder: string): boolean =>
    existsSync(folder) &&
    readdirSync(folder).some(name => {
      const path = join(folder, name)
      if (name === '.git') return false
      return lstatSync(path).isDirectory() ? blob(path) : lstatSync(path).isFile() && readFileSync(path, 'utf8') === text
    })
  if (folders.some(blob)) return true
  const refs = git(repo, 'for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/agent-runner').split('\n').filter(Boolean)
  return refs.some(ref =>
    git(repo, 'ls-tree', '-r', '--name-only', '-z', ref)
      .split('\0')
      .filter(Boolean)
      .some(path => git(repo, 'cat-file', 'blob', `${ref}:${path}`) === text.trim()),
  )
}

/** Files that a run has left in the repository's git folders and that no run needs any more. */
export function leftovers(repo: string): string[] {
  const folder = join(repo, git(repo, 'rev-parse', '--git-common-dir'))
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /agent-runner-|index\.lock$/.test(name))
}
