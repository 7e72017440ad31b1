import type { ChalkInstance } from 'chalk'
import type { BoardTask, HistoryEntry } from '../../board/board.ts'
import { localStamp, money } from '../../core/text/words.ts'
import type { CommandIo } from '../command/command-io.ts'
import { oneLine } from '../output/clean.ts'
import { columnsOf, cut, wrapped } from '../output/layout.ts'
import { paintFor } from '../output/paint.ts'
import { saneSize } from '../output/terminal-size.ts'

/** Tells in one line what was done to a task. The id stands between spaces, for scripts and double clicks. */
export function taskLine(what: string, task: BoardTask): string {
  return `${what} ${task.id} (${task.status}) ${oneLine(task.title, 200)}`
}

/** The tasks as a table at a terminal, else as lines with tabs between the columns. '' for none. */
export async function taskTable(tasks: BoardTask[], { stdout, env }: CommandIo): Promise<string> {
  if (tasks.length === 0) return ''
  const head = ['ID', 'STATUS', 'ROLE', 'TITLE']
  const rows = tasks.map(task => [task.id, statusWord(task), task.role, oneLine(task.title)])
  if (!stdout.isTTY) return rows.map(row => `${row.join('\t')}\n`).join('')
  const [{ default: Table }, paint] = await Promise.all([import('cli-table3'), paintFor(stdout, env)])
  // The id is there to be copied, so the title is cut; on a narrow terminal it goes below the rest.
  const width = saneSize('columns', stdout.columns)
  const widths = [0, 1, 2].map(column => Math.max(...[head, ...rows].map(row => columnsOf(row[column] ?? ''))) + 2)
  const room = width - widths.reduce((sum, each) => sum + each, 0)
  if (room < 16) {
    return tasks
      .map(
        task =>
          `${cut(oneLine(task.title), width)}\n${paint.dim(cut(`  ${statusWord(task)} · ${task.role}`, width))}\n${paint.dim(`  ${task.id}`)}\n`,
      )
      .join('')
  }
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  }
  const between = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' }
  const table = new Table({
    head: head.map(title => paint.dim(title)),
    chars: { ...none, ...between },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  })
  for (const [index, row] of rows.entries()) {
    const [id = '', status = '', role = '', title = ''] = row
    table.push([paint.dim(id), statusColour(paint, tasks[index]!)(status), role, cut(title, room - 1)])
  }
  return `${table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')}\n`
}

/** A task in full, with its history. */
export async function taskPage(task: BoardTask & { history: HistoryEntry[] }, { stdout, env }: CommandIo): Promise<string> {
  const paint = await paintFor(stdout, env)
  const width = stdout.isTTY ? saneSize('columns', stdout.columns) : 100
  const lines = [...wrapped(oneLine(task.title), width).map(line => paint.bold(line)), '']
  const fact = (label: string, text: string) => lines.push(paint.dim(label.padEnd(11)) + text)
  fact('id', task.id)
  fact('status', statusColour(paint, task)(statusWord(task)))
  fact('for', `${task.role}, ${task.seniority}, ${task.complexity}`)
  if (task.branch) fact('branch', oneLine(task.branch))
  if (task.priority !== 0) fact('priority', String(task.priority))
  if (task.maxCostUsd !== null) fact('at most', money(task.maxCostUsd))
  if (task.model) fact('model', oneLine(task.model))
  for (const [index, id] of task.dependsOn.entries()) {
    fact(index === 0 ? 'depends on' : '', `${id}${task.blockedBy.includes(id) ? ' (not done yet)' : ''}`)
  }
  if (task.lockedBy) fact('held by', `${task.lockedBy}${task.lockedAt ? ` since ${localStamp(task.lockedAt)}` : ''}`)
  if (task.runId) fact('run', task.runId)
  else if (task.lastRunId) fact('last run', task.lastRunId)
  if (task.description.trim()) lines.push('', ...wrapped(task.description, width))
  if (task.criteria.length > 0) lines.push('', ...task.criteria.flatMap(text => wrapped(`- ${oneLine(text)}`, width)))
  if (task.notes.trim()) lines.push('', paint.dim('Notes'), ...wrapped(task.notes, width, '  '))
  lines.push('', paint.dim('History'))
  for (const entry of task.history) {
    const move = entry.from === entry.to || entry.to === null ? '' : ` ${entry.from ?? ''} → ${entry.to}`.replace('  ', ' ')
    lines.push(`  ${paint.dim(localStamp(entry.at))}  ${entry.kind.replaceAll('_', ' ')}${move} ${paint.dim(`by ${oneLine(entry.who)}`)}`)
  }
  return `${lines.join('\n')}\n`
}

/** The status, and the reason why the task cannot be taken. */
function statusWord(task: BoardTask): string {
  if (task.lockedBy) return `${task.status} (${oneLine(task.lockedBy)})`
  return task.blockedBy.length > 0 && task.status !== 'cancelled' ? `${task.status} (blocked)` : task.status
}

function statusColour(paint: ChalkInstance, task: BoardTask) {
  if (task.status === 'under_work') return paint.cyan
  if (task.status === 'pending') return paint.yellow
  if (task.status === 'cancelled') return paint.dim
  return task.status === 'created' ? paint.reset : paint.green
}
