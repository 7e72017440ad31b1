import type { StampedEvent } from '../../../src/core/event.ts'
import type { RunFiles } from '../../../src/core/ports/run-files.ts'
import type { Workspaces } from '../../../src/core/ports/workspaces.ts'
import type { WorkspaceRecord } from '../../../src/core/run.ts'
import type { Ask, Call, Tell } from './calls.ts'
import type { World } from './world.ts'

/** The repository in which all tasks work. */
export const REPO = '/repo'

/** Places of work that know what is uncommitted in them, and what is committed. */
export function workspacesOf(world: World, ask: Ask): Workspaces {
  const workspaceOf = (runId: string): WorkspaceRecord => {
    const path = `/worktrees/${runId}`
    return {
      kind: 'worktree',
      repo: REPO,
      path,
      branch: runId,
      base: 'base',
      startTree: null,
      dirtyAtStart: [],
      continued: false,
      fallback: null,
    }
  }
  const made = (runId: string) => {
    const workspace = workspaceOf(runId)
    world.place(workspace.path).removed = false
    return workspace
  }
  return {
    ready: () => ask(() => {}),
    plan: () => ask(() => ({ kind: 'worktree' as const, path: '', branch: null, base: null, remark: null })),
    prepare: ({ runId }) => ask(() => made(runId)),
    restore: (_workspace, { runId }) => ask(() => made(runId)),
    collect: ({ path }, { runId }, success) =>
      ask(() => {
        if (world.processes.some(one => one.path === path && world.alive(one)))
          world.broke(`the work in ${path} is looked at while its agent lives`)
        const place = world.place(path)
        if (success && place.uncommitted) {
          place.uncommitted = false
          place.commits++
        }
        const commits = Array.from({ length: place.commits }, (_, n) => ({ sha: `${runId}-${n}`, subject: 'work' }))
        return { branch: runId, commits, files: [], diff: '', rescued: [], remarks: [] }
      }),
    diffSoFar: () => ask(() => null),
    cleanup: ({ path }, _request, success, mayVanish) =>
      ask(() => {
        const place = world.place(path)
        if (success || (mayVanish && !place.uncommitted && place.commits === 0)) place.removed = true
        return { kept: place.removed ? null : path, rescued: [] }
      }),
  }
}

/** The state folder. */
export function filesOf(world: World, call: Call, tell: Tell): RunFiles {
  const at = (runId: string, name: string) => `${runId}/${name}`
  const events = (runId: string) =>
    (world.disk.get(at(runId, 'events')) ?? '')
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as StampedEvent)
  return {
    folder: runId => `/state/runs/${runId}`,
    write: (runId, name, text) =>
      call(() => {
        world.disk.set(at(runId, name), text)
        return at(runId, name)
      }),
    drop: (runId, name) => call(() => void world.disk.delete(at(runId, name))),
    tidy: () => call(() => {}),
    stateFile: name => `/state/${name}`,
    append: event =>
      tell(() => {
        const file = at(event.runId ?? '', 'events')
        world.disk.set(file, `${world.disk.get(file) ?? ''}${JSON.stringify(event)}\n`)
      }),
    read: (runId, name) => call(() => world.disk.get(at(runId, name)) ?? null),
    eventsFrom: (runId, offset) => call(() => ({ events: events(runId).slice(offset), end: events(runId).length })),
    events: runId => call(() => events(runId)),
  }
}
