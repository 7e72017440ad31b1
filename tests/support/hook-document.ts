import { join } from 'node:path'
import type { HookDocument } from '../../src/core/ports/hooks.ts'
import type { Task } from '../../src/core/task.ts'

/** The words that start the hidden commands for hooks from the sources. */
export const PROGRAM = [process.execPath, join(import.meta.dirname, '../fixtures/hooks/program.ts')]

/** A task with everything in it. */
export function hookTask(changes: Partial<Task> = {}): Task {
  return {
    id: '7',
    title: 'Mend the "sum" — ünïcode',
    description: 'It adds wrongly.',
    criteria: ['The test passes'],
    role: 'backend_dev',
    seniority: 'senior',
    complexity: 'minor',
    branch: null,
    priority: 0,
    dependsOn: ['5'],
    maxCostUsd: 2.5,
    model: null,
    status: 'created',
    notes: '',
    runId: null,
    plan: null,
    ...changes,
  }
}

/** A document for pre_task; change what a test is about. */
export function hookDocument(changes: Partial<HookDocument> = {}): HookDocument {
  return {
    version: 1,
    event: 'pre_task',
    agent: { id: 'dev_001', role: 'backend_dev', level: 'senior' },
    run_id: 'run_01hooktest',
    task: hookTask(),
    workspace: null,
    model: 'sonnet',
    tracker: { name: 'embedded', url: 'board' },
    state_dir: '/nowhere',
    agent_command: process.execPath,
    ...changes,
  }
}
