import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { jsonFault, readJson } from '../../core/json.ts'
import type { HookDocument, HookName } from '../../core/ports/hooks.ts'
import type { AgentIdentity, Task } from '../../core/task.ts'
import { whatIsWanted } from '../../core/text/wanted.ts'
import { duration } from '../../core/text/words.ts'
import { findHooks } from '../../machine/hooks/hook-discovery.ts'
import { type HookOptions, openHooks } from '../../machine/hooks/hooks.ts'
import { oneLine, printable } from '../output/clean.ts'

/** The facts that a hook gets when it is called by hand. */
export interface HookFacts {
  agent: AgentIdentity
  tracker: { name: string; url: string }
  modelFor(task: Task): string
  agentCommand: string | null
}

type Print = (text: string) => void

/** `hooks list`: which hook counts for each name, from where, and how it is run. Exit code 1 when one cannot be run. */
export function listHooks(options: HookOptions, json: boolean, print: Print): number {
  const found = findHooks(options)
  if (json) print(`${JSON.stringify(found, null, 2)}\n`)
  else
    for (const hook of found) {
      print(`${hook.name.padEnd(13)} ${oneLine(hook.path)}\n`)
      print(`${' '.repeat(14)}${ORIGINS[hook.origin]}, run ${oneLine(hook.runs)}\n`)
      if (hook.problem) print(`${' '.repeat(14)}cannot be run: ${oneLine(hook.problem)}\n`)
      for (const path of hook.hides) print(`${' '.repeat(14)}hides ${oneLine(path)}\n`)
    }
  return found.some(hook => hook.problem) ? 1 : 0
}

const ORIGINS = {
  'hooks-dir': 'from --hooks-dir',
  repository: "from the repository's hooks/",
  user: "from the user's hooks/",
  shipped: 'shipped',
}

/**
 * `hooks run NAME`: calls a hook as the runner would, with the task of a file or a sample, shows what it printed, and returns the hook's
 * own exit code (124 timed out, 125 ended by a signal or for printing too much, 126 and 127 as in a shell). Throws USAGE for an unfit
 * file.
 */
export async function runHook(
  hook: HookName,
  options: HookOptions & HookFacts & { taskFile: string | null; json: boolean },
  print: Print,
  signal: AbortSignal,
): Promise<number> {
  if (hook === 'health_check' && options.taskFile !== null)
    throw new RunnerError('USAGE', 'health_check is not about a task: leave out --task')
  const task = hook === 'health_check' ? null : await taskFrom(options.taskFile)
  const folder = mkdtempSync(join(tmpdir(), 'agent-runner-hook-'))
  try {
    const result = await openHooks(options).run(hook, documentFor(hook, task, options), join(folder, 'hook.log'), signal)
    const output = printable(readIfThere(result.log))
    const exitCode = result.ok ? 0 : result.timedOut ? 124 : result.exitCode || 125
    if (options.json) {
      const { log, ...rest } = result
      print(`${JSON.stringify({ hook, ...rest, exitCode, output }, null, 2)}\n`)
    } else {
      print(output === '' || output.endsWith('\n') ? output : `${output}\n`)
      const verdict = result.ok ? 'ok' : result.timedOut ? 'timed out' : `failed (exit code ${exitCode})`
      print(`${hook}: ${verdict} after ${duration(result.ms)}${result.path === null ? '' : `, ${oneLine(result.path)}`}\n`)
      const why = printable(result.message)
      // The message repeats the end of the output, except where the runner itself has something to say.
      if (!result.ok && !output.includes(why)) print(`${why}\n`)
    }
    return exitCode
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `hooks schema`: the JSON schema of what hooks read on stdin. */
export async function printHookSchema(print: Print): Promise<number> {
  const { hookSchema } = await import('../../machine/hooks/hook-document.ts')
  print(`${JSON.stringify(hookSchema(), null, 2)}\n`)
  return 0
}

async function taskFrom(file: string | null): Promise<Task> {
  const { sampleTask, taskFromSample } = await import('../../machine/hooks/hook-document.ts')
  if (file === null) return taskFromSample({ title: 'A sample task' })
  let content: unknown
  try {
    content = readJson(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new RunnerError('USAGE', `--task ${file}: ${error instanceof SyntaxError ? jsonFault(error) : (error as Error).message}`, {
      cause: error,
    })
  }
  const parsed = sampleTask.safeParse(content, { error: whatIsWanted })
  if (parsed.success) return taskFromSample(parsed.data)
  const [first] = parsed.error.issues
  throw new RunnerError('USAGE', `--task ${file}: ${[first?.path.join('.'), first?.message].filter(Boolean).join(': ')}`)
}

function documentFor(event: HookName, task: Task | null, options: HookOptions & HookFacts): HookDocument {
  return {
    version: 1,
    event,
    agent: options.agent,
    run_id: null,
    task,
    workspace: event === 'post_task' ? { kind: 'in-place', path: options.repo, repo: options.repo, branch: task?.branch ?? null } : null,
    model: task && options.modelFor(task),
    tracker: options.tracker,
    state_dir: options.home,
    agent_command: options.agentCommand,
    ...(event === 'post_task' ? { result: SAMPLE_RESULT } : {}),
  }
}

const SAMPLE_RESULT: HookDocument['result'] = {
  success: true,
  reason: 'completed',
  status: 'dev_done',
  duration_ms: 60_000,
  cost_usd: 0,
  branch: null,
  commits: [],
  attempts: 1,
  hooks: [],
  tracker_answers: null,
}

/** The end of the log; nothing when the hook never got as far as writing one. */
function readIfThere(log: string): string {
  try {
    return readFileSync(log, 'utf8').slice(-64 * 1024)
  } catch {
    return ''
  }
}
