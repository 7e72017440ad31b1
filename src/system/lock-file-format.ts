import { z } from 'zod'
import { ENDS, type EndReason } from '../core/ends.ts'
import { RunnerError } from '../core/errors.ts'
import { newRunId } from '../core/ids.ts'
import { type RunRecord, STEPS } from '../core/run.ts'
import { AGENT_ID, COMPLEXITIES, LEVELS } from '../core/task.ts'

/*
 * The lock file as JSON. The first seven keys are those that the older runner wrote and that tools read; a file with
 * nothing else is one of its files and is continued.
 */

const level = z.enum(LEVELS)
const reason = z.enum(Object.keys(ENDS) as [EndReason, ...EndReason[]])
const verdict = z.object({ outcome: z.enum(['pass', 'send_back', 'blocked']), summary: z.string(), findings: z.array(z.string()) })

const milliseconds = z.number().positive().nullable()
const plan = z.object({
  parts: z
    .array(z.object({ name: z.string(), goal: z.string().nullable(), command: z.string().nullable(), timeoutMs: milliseconds }))
    .nullable(),
  timeoutMs: milliseconds,
  maxTurns: z.number().nullable(),
  dryRun: z.boolean(),
})

const task = z.object({
  id: z.string().min(1),
  title: z.string(),
  description: z.string(),
  criteria: z.array(z.string()),
  role: z.string(),
  seniority: level,
  complexity: z.enum(COMPLEXITIES),
  branch: z.string().nullable(),
  priority: z.number(),
  dependsOn: z.array(z.string()),
  maxCostUsd: z.number().nullable(),
  model: z.string().nullable(),
  status: z.string(),
  notes: z.string(),
  runId: z.string().nullable().default(null),
  plan: plan.nullable().default(null),
  repo: z.string().optional(),
})

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
  kind: z.enum(['in-place', 'worktree']),
  repo: z.string(),
  path: z.string(),
  branch: z.string().nullable(),
  base: z.string().nullable(),
  startTree: z.string().nullable(),
  dirtyAtStart: z.array(z.string()),
  continued: z.boolean(),
  fallback: z.string().nullable(),
})

const work = z.object({
  branch: z.string().nullable(),
  commits: z.array(z.object({ sha: z.string(), subject: z.string() })),
  files: z.array(z.object({ path: z.string(), added: z.number().nullable(), removed: z.number().nullable() })),
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
  task_data: task,
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

/** The record as the document that is written. The diff is left out: it stands in the run's folder. */
export function encodeLockFile(record: RunRecord): Record<string, unknown> {
  const last = record.attempts.at(-1)
  return {
    task_id: record.task.id,
    task_title: record.task.title,
    agent_id: record.agent.id,
    locked_at: record.lockedAt,
    worktree_path: record.workspace?.kind === 'worktree' ? record.workspace.path : null,
    branch_name: record.workspace?.branch ?? null,
    task_data: record.task,
    version: record.version,
    run_id: record.runId,
    session_id: last?.sessionId ?? null,
    step: record.steps.at(-1)?.name ?? null,
    attempt: last?.number ?? 0,
    supervisor: last?.supervisor ?? null,
    agent: record.agent,
    pm: record.tracker,
    steps: record.steps,
    attempts: record.attempts,
    workspace: record.workspace,
    work: record.work && { ...record.work, diff: '' },
    disposition: record.disposition,
    not_before: record.notBefore,
    mentions: record.mentions,
    wishes: record.wishes,
    paused: record.paused,
    kept: record.kept,
    inherited: record.inherited,
  }
}

/** The record that a lock file's text holds. Throws LOCK_FILE_UNREADABLE and says what is wrong with it. */
export function decodeLockFile(text: string): RunRecord {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new RunnerError('LOCK_FILE_UNREADABLE', text.trim() === '' ? 'it is empty' : 'it is not JSON')
  }
  const version = (json as { version?: unknown } | null)?.version
  if (version === undefined) return decodeOlder(json)
  if (typeof version === 'number' && version > 1)
    throw new RunnerError('LOCK_FILE_UNREADABLE', `it was written by a newer version of agent-runner (format ${version})`)
  const parsed = ours.safeParse(json)
  if (!parsed.success) throw new RunnerError('LOCK_FILE_UNREADABLE', firstFault(parsed.error))
  const file = parsed.data
  return {
    version: 1,
    runId: file.run_id,
    agent: file.agent,
    task: file.task_data,
    tracker: file.pm,
    lockedAt: file.locked_at,
    steps: file.steps,
    attempts: file.attempts,
    workspace: file.workspace,
    work: file.work,
    disposition: file.disposition,
    notBefore: file.not_before,
    mentions: file.mentions,
    wishes: file.wishes,
    paused: file.paused,
    kept: file.kept,
    inherited: file.inherited,
  }
}

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

/** A file with only the seven old keys: the task is ours, how far it got is not known, its worktree is continued. */
function decodeOlder(json: unknown): RunRecord {
  const parsed = older.safeParse(json)
  if (!parsed.success) throw new RunnerError('LOCK_FILE_UNREADABLE', firstFault(parsed.error))
  const file = parsed.data
  const data = file.task_data ?? {}
  const seniority = data.difficulty ?? data.skill_level ?? 'senior'
  const found = data.status === undefined || data.status === 'under_work' ? 'created' : data.status
  return {
    version: 1,
    runId: newRunId(),
    agent: { id: file.agent_id, role: data.target_role ?? '', level: seniority },
    task: {
      id: String(file.task_id),
      title: data.title ?? file.task_title ?? `task ${file.task_id}`,
      description: data.description ?? '',
      criteria: [],
      role: data.target_role ?? '',
      seniority,
      complexity: data.complexity ?? (file.worktree_path ? 'major' : 'minor'),
      branch: file.branch_name ?? data.branch ?? null,
      priority: 0,
      dependsOn: [],
      maxCostUsd: null,
      runId: null,
      plan: null,
      model: null,
      status: found,
      notes: data.notes ?? '',
    },
    tracker: { name: '', url: '' },
    lockedAt: file.locked_at === null || file.locked_at === undefined ? new Date().toISOString() : String(file.locked_at),
    steps: [],
    attempts: [],
    workspace: null,
    work: null,
    disposition: null,
    notBefore: null,
    mentions: [],
    wishes: [],
    paused: false,
    kept: null,
    inherited: file.worktree_path ? { path: file.worktree_path, branch: file.branch_name ?? null } : null,
  }
}

function firstFault(error: z.ZodError): string {
  const issue = error.issues[0]
  return `${issue?.path.join('.') || 'the document'}: ${issue?.message}`
}
