import * as z from 'zod'
import { ENDS, type EndReason } from '../../core/ends.ts'
import { STEPS, WORKSPACE_KINDS } from '../../core/run.ts'
import { AGENT_ID, COMPLEXITIES, LEVELS } from '../../core/task.ts'
import { taskSchema } from '../../core/task-schema.ts'

/** What a lock file may hold: `ours`, and `older` for the seven keys of the older runner. Built at the first call, since most starts find no lock file. */
export function lockFileSchemas() {
  built ??= build()
  return built
}
let built: ReturnType<typeof build> | undefined

function build() {
  const level = z.enum(LEVELS)
  const reason = z.enum(Object.keys(ENDS) as [EndReason, ...EndReason[]])
  const verdict = z.object({ outcome: z.enum(['pass', 'send_back', 'blocked']), summary: z.string(), findings: z.array(z.string()) })

  const attempt = z.object({
    number: z.int().positive(),
    mode: z.enum(['fresh', 'resume']),
    sessionId: z.string(),
    model: z.string(),
    startedAt: z.string(),
    supervisor: z.object({ bootId: z.string(), pid: z.int(), start: z.string() }).nullable(),
    part: z.int().min(0).default(0),
    directives: z.array(z.string()).default([]),
    ended: z
      .object({
        reason,
        text: z.string(),
        verdict: verdict.nullable(),
        sessionId: z.string().nullable(),
        model: z.string().nullable(),
        costUsd: z.number(),
        costIsLeast: z.literal(true).optional(),
        denied: z.int().positive().optional(),
        remarks: z.array(z.string()).optional(),
        turns: z.number(),
        toolCalls: z.number(),
        tokens: z.object({ input: z.number(), output: z.number(), cacheRead: z.number(), cacheWrite: z.number() }),
        durationMs: z.number(),
        resetsAt: z.number().nullable(),
        ofModelAlone: z.literal(true).optional(),
      })
      .nullable(),
  })

  const workspace = z.object({
    kind: z.enum(WORKSPACE_KINDS),
    repo: z.string(),
    path: z.string(),
    branch: z.string().nullable(),
    base: z.string().nullable(),
    startTree: z.string().nullable(),
    dirtyAtStart: z.array(z.string()),
    continued: z.boolean(),
    fallback: z.string().nullable(),
    seal: z.object({ text: z.string(), repository: z.string(), repositoryNumber: z.string(), folderNumber: z.string() }).optional(),
  })

  const work = z.object({
    branch: z.string().nullable(),
    commits: z.array(z.object({ sha: z.string(), subject: z.string() })),
    files: z.array(z.object({ path: z.string(), added: z.number().nullable(), removed: z.number().nullable() })),
    more: z.object({ files: z.number(), added: z.number(), removed: z.number() }).optional(),
    diff: z.string(),
    rescued: z.array(z.string()),
    remarks: z.array(z.string()),
  })

  const disposition = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('report'), reason, status: z.string(), note: z.string() }),
    z.object({ kind: z.literal('park'), reason, note: z.string() }),
    z.object({ kind: z.literal('give_back'), reason, note: z.string() }),
    z.object({ kind: z.literal('abandon'), reason, note: z.string() }),
    z.object({ kind: z.literal('stop'), reason, note: z.string() }),
  ])

  const ours = z.object({
    version: z.literal(1),
    locked_at: z.string(),
    task_data: taskSchema.extend({ id: z.string().min(1) }),
    run_id: z.string().regex(/^run_[a-z0-9]+$/),
    agent: z.object({ id: z.string().regex(AGENT_ID), role: z.string(), level }),
    pm: z.object({ name: z.string(), url: z.string() }),
    steps: z.array(
      z.object({
        name: z.enum(STEPS),
        startedAt: z.string(),
        finishedAt: z.string().nullable(),
        result: z.string().nullable(),
        failures: z.number().int().nonnegative().optional(),
      }),
    ),
    attempts: z.array(attempt),
    workspace: workspace.nullable(),
    work: work.nullable(),
    disposition: disposition.nullable(),
    not_before: z.number().nullable(),
    not_before_noted: z.object({ at: z.number(), boot: z.string(), uptime: z.number() }).nullable().default(null),
    mentions: z.array(z.string()),
    wishes: z
      .array(
        z.object({
          id: z.string(),
          kind: z.enum(['pause', 'resume', 'stop', 'directive']),
          text: z.string(),
          mode: z.enum(['now', 'turn_end']),
        }),
      )
      .default([]),
    paused: z.boolean().default(false),
    kept: z.string().nullable(),
    inherited: z.object({ path: z.string(), branch: z.string().nullable() }).nullable(),
  })

  /** Headless PM's own task, as the older runner put it into `task_data`. */
  const olderTask = z.object({
    title: z.string().optional(),
    description: z.string().nullish(),
    target_role: z.string().optional(),
    difficulty: level.optional(),
    skill_level: level.optional(),
    complexity: z.enum(COMPLEXITIES).optional(),
    branch: z.string().nullish(),
    status: z.string().optional(),
    notes: z.string().nullish(),
  })

  const older = z.object({
    task_id: z.union([z.string().min(1), z.number()]),
    task_title: z.string().nullish(),
    agent_id: z.string().regex(AGENT_ID),
    locked_at: z.union([z.string(), z.number()]).nullish(),
    worktree_path: z.string().nullish(),
    branch_name: z.string().nullish(),
    task_data: olderTask.nullish(),
  })

  return { ours, older }
}
