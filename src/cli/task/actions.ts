import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { BoardTask } from '../../board/board.ts'
import { parseDraft } from '../../board/tasks/draft.ts'
import { RunnerError } from '../../core/errors.ts'
import type { Complexity, Level } from '../../core/task.ts'
import type { CommandIo } from '../command/command-io.ts'
import { openSink } from '../output/sink.ts'
import { type BoardFlags, onBoard } from './embedded-board.ts'
import { taskLine, taskPage, taskTable } from './view.ts'

type Flags = BoardFlags & { json?: boolean }

interface AddFlags extends Flags {
  title: string
  role: string
  description?: string
  file?: string
  seniority: Level
  complexity: Complexity
  branch?: string
  priority: number
  dependsOn: string[]
  criteria: string[]
  maxCost?: number
  model?: string
}

/** Descriptions go into a prompt: what is longer is a mistake, such as a wrong file. */
const DESCRIPTION_BYTES = 1024 * 1024

/** `task add`. `source` is '-' for a description on stdin. Everything is checked before the board is opened. */
export async function addTask(flags: AddFlags, io: CommandIo, source: string): Promise<void> {
  const { title, role, seniority, complexity, priority, dependsOn, criteria } = flags
  if (flags.branch !== undefined) checkBranch(flags.branch)
  const draft = {
    ...{ title, role, seniority, complexity, priority, dependsOn, criteria },
    description: await description(flags, io, source),
    branch: flags.branch ?? null,
    maxCostUsd: flags.maxCost ?? null,
    model: flags.model ?? null,
  }
  parseDraft(draft)
  const task = await onBoard(flags, io, 'add', board => board.addTask(draft))
  print(io, flags.json ? json(task) : `${taskLine('added', task)}\n`)
  if (!flags.json && io.stdout.isTTY) {
    print(io, `Next: agent-runner --role ${task.role} --agent-id dev_001 --level ${task.seniority} --single-task\n`)
  }
}

/** `task list`. */
export async function listTasks(flags: Flags & { status?: string; role?: string }, io: CommandIo): Promise<void> {
  const tasks = await onBoard(flags, io, 'look', board => board.listTasks({ status: flags.status, role: flags.role }))
  print(io, flags.json ? json(tasks) : await taskTable(tasks, io))
  if (tasks.length === 0 && !flags.json) {
    const filtered = flags.status !== undefined || flags.role !== undefined
    const hint = filtered ? 'No task is like that.' : 'No task yet. Add one: agent-runner task add --title "…" --role backend_dev'
    openSink(io.stderr).write(`${hint}\n`)
  }
}

/** `task show ID`. */
export async function showTask(flags: Flags, io: CommandIo, id: string): Promise<void> {
  const task = await onBoard(flags, io, 'look', board => board.showTask(id))
  print(io, flags.json ? json(task) : await taskPage(task, io))
}

/** `task cancel ID`. */
export function cancelTask(flags: Flags, io: CommandIo, id: string): Promise<void> {
  return changed('cancelled', flags, io, board => board.cancelTask(id))
}

/** `task requeue ID`. */
export function requeueTask(flags: Flags, io: CommandIo, id: string): Promise<void> {
  return changed('back in the queue:', flags, io, board => board.requeueTask(id))
}

async function changed(what: string, flags: Flags, io: CommandIo, change: Parameters<typeof onBoard<BoardTask>>[3]): Promise<void> {
  const task = await onBoard(flags, io, 'change', change)
  print(io, flags.json ? json(task) : `${taskLine(what, task)}\n`)
}

async function description(flags: AddFlags, io: CommandIo, source: string): Promise<string> {
  if (source !== '' && source !== '-')
    throw new RunnerError('USAGE', `unexpected argument ${JSON.stringify(source)}; only - is known: the description from stdin`)
  const given = [flags.description !== undefined && '--description', flags.file !== undefined && '--file', source === '-' && '-'].filter(
    Boolean,
  )
  if (given.length > 1) throw new RunnerError('USAGE', `${given.join(' and ')} exclude each other: there is one description`)
  if (source === '-') return limited(await stdinText(io), 'stdin')
  if (flags.file === undefined) return flags.description ?? ''
  try {
    return limited(readFileSync(resolve(io.cwd, flags.file)), flags.file)
  } catch (error) {
    if (error instanceof RunnerError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'that is a folder' : message
    throw new RunnerError('USAGE', `--file ${flags.file}: ${why}`, { cause: error })
  }
}

async function stdinText(io: CommandIo): Promise<Buffer> {
  if (io.stdin.isTTY) openSink(io.stderr).write('Type the description; Ctrl-D ends it.\n')
  const parts: Buffer[] = []
  for await (const part of io.stdin) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

function limited(bytes: Buffer, where: string): string {
  if (bytes.length > DESCRIPTION_BYTES) throw new RunnerError('USAGE', `the description in ${where} is larger than 1 MiB`)
  if (bytes.includes(0)) throw new RunnerError('USAGE', `the description in ${where} is not text`)
  return bytes.toString('utf8')
}

/** Refuses what git would not take as a branch (git-check-ref-format). */
function checkBranch(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses them too.
  const bad = /[\u0000- ~^:?*[\\\u007f]|\.\.|@\{|\/\/|^[-/.@]$|^[-/]|\/$|\.$|\.lock(\/|$)|(^|\/)\./
  if (name === '' || bad.test(name))
    throw new RunnerError('USAGE', `--branch: ${JSON.stringify(name)} is not a name that git takes for a branch`)
}

function print(io: CommandIo, text: string): void {
  if (text !== '') openSink(io.stdout, { complete: true }).write(text)
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
