import * as z from 'zod'
import { RunnerError } from '../../core/errors.ts'
import { COMPLEXITIES, LEVELS, MODEL_NAME, MODEL_NAME_WRONG, TASK_STATUSES } from '../../core/task.ts'
import { whatIsWanted } from '../../core/text/wanted.ts'
import { firstStatus, isRestingStatus } from './task-rules.ts'

const oneLine = (max: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .regex(/^[^\r\n\0]*$/, 'must be one line')

const draftSchema = z.object({
  title: oneLine(500),
  description: z.string().default(''),
  criteria: z.array(z.string().trim().min(1, 'must not be empty')).default([]),
  role: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, 'must be a word such as backend_dev or qa'),
  seniority: z.enum(LEVELS).default('junior'),
  complexity: z.enum(COMPLEXITIES).default('major'),
  branch: oneLine(200).nullable().default(null),
  priority: z.int().min(-1_000_000).max(1_000_000).default(0),
  dependsOn: z.array(oneLine(100)).default([]),
  maxCostUsd: z.number().positive('must be more than 0').nullable().default(null),
  model: oneLine(100).regex(MODEL_NAME, MODEL_NAME_WRONG).nullable().default(null),
  labels: z.array(oneLine(100)).default([]),
  status: z.enum(TASK_STATUSES).refine(isRestingStatus, 'cannot be under_work: only an agent that takes the task leads there').optional(),
})

/** A task as a person writes it down. Only title and role are needed; left out, `status` is the one in which it is handed out. */
export type TaskDraft = z.input<typeof draftSchema>

/** The draft checked and filled in. Throws USAGE with one line that names each field that is wrong. */
export function parseDraft(draft: TaskDraft) {
  const parsed = draftSchema.safeParse(draft, { error: whatIsWanted })
  if (!parsed.success) {
    const faults = parsed.error.issues.map(issue => `${issue.path.join('.') || 'task'}: ${issue.message}`)
    throw new RunnerError('USAGE', faults.join('; '))
  }
  const { data } = parsed
  return {
    ...data,
    dependsOn: [...new Set(data.dependsOn)],
    labels: [...new Set(data.labels)],
    status: data.status ?? firstStatus(data.role),
  }
}
