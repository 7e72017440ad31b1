import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type HookInput, type HookPlace, runAsProgram } from './document.ts'

/** How much of the end of the metrics is searched for a line of the same run. */
const LOOK_BACK = 64 * 1024

/**
 * After a task: appends one JSON line about it to `metrics.jsonl` in the state folder. One append is one write, so lines of
 * several runners do not mix. After a crash the hook is called again for the same run; the line is there once all the same. A run that was
 * given back and taken again has a line for each end that it came to.
 */
export async function main(document: HookInput, { say }: HookPlace): Promise<number> {
  const { result, task } = document
  if (!result) throw new Error('the document has no result: post_task is called after a task')
  if (document.run_id === null) {
    say('a trial outside of a run: nothing is noted')
    return 0
  }
  mkdirSync(document.state_dir, { recursive: true, mode: 0o700 })
  const path = join(document.state_dir, 'metrics.jsonl')
  const file = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o600)
  try {
    const { size } = fstatSync(file)
    const from = Math.max(0, size - LOOK_BACK)
    const buffer = Buffer.alloc(size - from)
    const end = buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, from))
    const signs = [`"run_id":${JSON.stringify(document.run_id)}`, `"reason":${JSON.stringify(result.reason)}`]
    if (end.split('\n').some(line => signs.every(sign => line.includes(sign)))) {
      say(`${path} has a line of this end already`)
      return 0
    }
    const line = JSON.stringify({
      at: new Date().toISOString(),
      run_id: document.run_id,
      task_id: task?.id ?? null,
      title: task?.title ?? null,
      complexity: task?.complexity ?? null,
      seniority: task?.seniority ?? null,
      agent_id: document.agent.id,
      role: document.agent.role,
      model: document.model,
      tracker: document.tracker.name,
      ...result,
      commits: result.commits.length,
    })
    // A line that a full disk or a crash cut short must not swallow this one.
    const text = Buffer.from(`${end === '' || end.endsWith('\n') ? '' : '\n'}${line}\n`)
    if (writeSync(file, text) !== text.length) throw new Error(`the disk of ${path} is full`)
  } finally {
    closeSync(file)
  }
  say(
    `${task?.title ?? 'task'}: ${result.reason} after ${Math.round(result.duration_ms / 1000)} s, ${result.cost_usd.toFixed(2)} USD; noted in ${path}`,
  )
  return 0
}

if (import.meta.main) void runAsProgram(main)
