import type * as z from 'zod'
import type { taskSchema } from './task-schema.ts'
import type { Level } from './task-words.ts'

export * from './task-words.ts'

/** What is to be done. The tracker's adapter parses it, so its form is trusted inside; its text stays data for ever. */
export type Task = z.infer<typeof taskSchema>

/** How a run is to be done, beyond its task's own fields. */
export type Plan = NonNullable<Task['plan']>

/** A task with what is usual for all that is not said. */
export function newTask(said: Pick<Task, 'id' | 'title'> & Partial<Task>): Task {
  return {
    ...{ description: '', criteria: [], role: 'backend_dev', seniority: 'senior', complexity: 'minor', branch: null, priority: 0 },
    ...{ dependsOn: [], maxCostUsd: null, model: null, status: 'created', notes: '', runId: null, plan: null },
    ...said,
  }
}

/** Who works: a registered worker identity at the tracker. */
export interface AgentIdentity {
  id: string
  role: string
  level: Level
}

/** Somebody wrote `@agent-id` at the tracker. */
export interface Mention {
  id: string
  from: string
  text: string
  taskId: string | null
}

/** An agent id names files and processes, so nothing but these characters may be in it. */
export const AGENT_ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/
