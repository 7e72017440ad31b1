import type * as z from 'zod'
import { RunnerError } from '../../core/errors.ts'
import { newRunId } from '../../core/ids.ts'
import { readJson } from '../../core/json.ts'
import type { RunRecord } from '../../core/run.ts'
import { newTask } from '../../core/task.ts'
import { whatIsWanted } from '../../core/text/wanted.ts'
import { lockFileSchemas } from './lock-file-schema.ts'

/*
 * The lock file as JSON. The first seven keys are those that the older runner wrote and that tools read; a file with
 * nothing else is one of its files and is continued.
 */

/** The record as the document that is written. The diff is left out: it stands in the run's folder. */
export function encodeLockFile(record: RunRecord): Record<string, unknown> {
  const last = record.attempts.at(-1)
  return {
    task_id: record.task.id,
    task_title: record.task.title,
    agent_id: record.agent.id,
    locked_at: record.lockedAt,
    worktree_path: record.workspace && record.workspace.kind !== 'in-place' ? record.workspace.path : null,
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
    not_before: record.notBefore?.until ?? null,
    not_before_noted: record.notBefore?.noted ?? null,
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
    json = readJson(text)
  } catch {
    throw new RunnerError('LOCK_FILE_UNREADABLE', text.trim() === '' ? 'it is empty' : 'it is not JSON')
  }
  const version = (json as { version?: unknown } | null)?.version
  if (version === undefined) return decodeOlder(json)
  if (typeof version === 'number' && version > 1)
    throw new RunnerError('LOCK_FILE_UNREADABLE', `it was written by a newer version of agent-runner (format ${version})`)
  const parsed = lockFileSchemas().ours.safeParse(json, { jitless: true, error: whatIsWanted })
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
    notBefore: file.not_before === null ? null : { until: file.not_before, noted: file.not_before_noted },
    mentions: file.mentions,
    wishes: file.wishes,
    paused: file.paused,
    kept: file.kept,
    inherited: file.inherited,
  }
}

/** A file with only the seven old keys: the task is ours, how far it got is not known, its worktree is continued. */
function decodeOlder(json: unknown): RunRecord {
  const parsed = lockFileSchemas().older.safeParse(json, { jitless: true, error: whatIsWanted })
  if (!parsed.success) throw new RunnerError('LOCK_FILE_UNREADABLE', firstFault(parsed.error))
  const file = parsed.data
  const data = file.task_data ?? {}
  const seniority = data.difficulty ?? data.skill_level ?? 'senior'
  const found = data.status === undefined || data.status === 'under_work' ? 'created' : data.status
  return {
    version: 1,
    runId: newRunId(),
    agent: { id: file.agent_id, role: data.target_role ?? '', level: seniority },
    task: newTask({
      id: String(file.task_id),
      title: data.title ?? file.task_title ?? `task ${file.task_id}`,
      description: data.description ?? '',
      role: data.target_role ?? '',
      seniority,
      complexity: data.complexity ?? (file.worktree_path ? 'major' : 'minor'),
      branch: file.branch_name ?? data.branch ?? null,
      status: found,
      notes: data.notes ?? '',
    }),
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
