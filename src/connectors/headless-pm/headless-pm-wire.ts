import * as z from 'zod'
import type { Holding } from '../../core/ports/tracker.ts'
import { type AgentIdentity, COMPLEXITIES, LEVELS, newTask, type Task } from '../../core/task.ts'
import { understood as understoodOf } from '../../http/http-client.ts'

const id = z.union([z.number(), z.string().min(1)]).transform(String)
// A level that we do not know yet must not make the whole list unreadable.
const level = z.enum(LEVELS).optional().catch(undefined)

/** A task as the server shows it. Older servers call its difficulty `skill_level`. */
export const wireTask = z.object({
  id,
  title: z.string(),
  description: z.string().nullish(),
  target_role: z.string(),
  difficulty: level,
  skill_level: level,
  complexity: z.enum(COMPLEXITIES).catch('major'),
  branch: z.string().nullish(),
  status: z.string(),
  locked_by: z.string().nullish(),
  notes: z.string().nullish(),
  task_type: z.string().nullish(),
})
export type WireTask = z.infer<typeof wireTask>

export const wireTasks = z.array(wireTask)
export const wireUpdate = z.object({ task: wireTask })
/** Older servers answer with the agent alone. */
export const wireRegistered = z.union([z.object({ agent: z.object({ agent_id: z.string() }) }), z.object({ agent_id: z.string() })])
export const wireMarked = z.object({ id })
export const wireChanges = z.array(
  z.object({ task_id: id, old_status: z.string(), new_status: z.string(), changed_by: z.string(), notes: z.string().nullish() }),
)
export type WireChange = z.infer<typeof wireChanges>[number]
export const wireMentions = z.array(
  z.object({
    id,
    task_id: id.nullish(),
    document_id: id.nullish(),
    created_by: z.string(),
    task_title: z.string().nullish(),
    document_title: z.string().nullish(),
  }),
)
export const wireDocument = z.object({ content: z.string() })

/** The body as the schema reads it; TRACKER_CONFUSED names the first place that does not fit. */
export const understood = <T>(schema: z.ZodType<T>, body: unknown): T => understoodOf('the PM server', schema, body)

/** The server's task in our words. It has no criteria, priority, dependencies, budget or model. */
export function taskFromWire(wire: WireTask): Task {
  return newTask({
    id: wire.id,
    title: wire.title,
    description: wire.description ?? '',
    role: wire.target_role,
    seniority: wire.difficulty ?? wire.skill_level ?? 'senior',
    complexity: wire.complexity,
    branch: wire.branch || null,
    status: wire.status,
    notes: wire.notes ?? '',
  })
}

/** The status that a task goes back to: the one in which it was found, which is never `under_work`. */
export function foundStatus(agent: AgentIdentity, task: Task): string {
  if (task.status !== 'under_work') return task.status
  return agent.role === 'qa' ? 'dev_done' : 'created'
}

/**
 * How a task of the list stands with regard to the agent. A lock of ours without `under_work` is half a claim: still to
 * be claimed. `under_work` without a lock is what an expired lock leaves behind: free.
 */
export function standing(agent: AgentIdentity, task: Task, wire: WireTask | null): Holding {
  if (!wire) return 'gone'
  const working = wire.status === 'under_work'
  if (wire.locked_by && wire.locked_by !== agent.id) return 'someone_else'
  if (wire.locked_by && working) return 'ours'
  return working || wire.status === foundStatus(agent, task) ? 'free' : 'finished'
}
