import type { ChalkInstance } from 'chalk'
import { ENDS, type EndReason, end } from '../../core/ends.ts'
import type { ChangedFile } from '../../core/run.ts'
import { count, moment } from '../../core/text/words.ts'
import type { KeptContent } from '../compose/kept-work.ts'
import { oneLine } from '../output/clean.ts'
import { cut, wrapped } from '../output/layout.ts'
import { shownWord } from '../output/shown-word.ts'
import { tilde } from '../output/tilde.ts'
import type { KnownPiece } from './shelf.ts'

/** A piece as JSON: keys as in the other documents, times ISO 8601. */
export function pieceDocument({ piece, name, ...known }: KnownPiece) {
  return {
    name,
    kind: piece.kind,
    ref: piece.kind === 'ref' ? piece.ref : null,
    commit: piece.kind === 'ref' ? piece.sha : null,
    path: piece.kind === 'worktree' ? piece.path : null,
    branch: piece.kind === 'worktree' ? piece.branch : null,
    clone_of: piece.kind === 'worktree' ? piece.cloneOf : null,
    restored_to: piece.kind === 'ref' ? piece.branches : [],
    run_id: known.runId,
    agent_id: known.agentId,
    task_id: known.task?.id ?? null,
    task_title: known.task?.title ?? null,
    reason: known.reason,
    at: new Date(known.at).toISOString(),
    unfinished: known.unfinished,
    before_start: known.beforeStart,
    problem: piece.kind === 'worktree' ? piece.problem : null,
  }
}

/** All pieces as coloured lines that fit. */
export function listLines(
  kept: { known: KnownPiece; files: ChangedFile[] }[],
  now: number,
  columns: number,
  paint: ChalkInstance,
): string[] {
  if (kept.length === 0)
    return wrapped('Nothing is kept apart here: what ended runs committed is on branches, and their notes tell of anything else.', columns)
  const lines = kept.flatMap(({ known, files }, index) => [
    ...(index > 0 ? [''] : []),
    ...headLines(known, now, columns, paint),
    ...(files.length > 0 ? wrapped(someFiles(files), columns, '  ').map(line => paint.dim(line)) : []),
  ])
  const first = kept.find(({ files }) => files.length > 0)?.known
  if (first) lines.push('', `${paint.dim('Look:')}  agent-runner rescue show ${shownWord(first.name)}`)
  if (first) lines.push(`${paint.dim('Save:')}  agent-runner rescue restore ${shownWord(first.name)} --branch NAME`)
  return lines
}

/** One piece with its files. */
export function showLines(known: KnownPiece, content: KeptContent, now: number, columns: number, paint: ChalkInstance): string[] {
  const lines = headLines(known, now, columns, paint)
  for (const remark of content.remarks) lines.push(...wrapped(oneLine(remark), columns, '  ').map(line => paint.yellow(line)))
  lines.push('')
  for (const file of content.files) lines.push(cut(`  ${linesOf(file).padStart(11)}  ${oneLine(file.path)}`, columns))
  if (content.files.length === 0) lines.push('  no file differs')
  const name = shownWord(known.name)
  lines.push('', `${paint.dim('Patch:')} agent-runner rescue show ${name} --patch`)
  lines.push(`${paint.dim('Save:')}  agent-runner rescue restore ${name} --branch NAME`)
  return lines
}

/** Tells what was made, and how to go on. */
export function restoredLines(
  known: KnownPiece,
  restored: { branch: string; sha: string; base: string; repo: string; remarks: string[] },
  columns: number,
  paint: ChalkInstance,
): string[] {
  const { branch, sha, base, repo } = restored
  const isWhole = restored.remarks.length === 0
  const what = known.task ? `: ${oneLine(known.task.title, 300)}` : ''
  return [
    ...wrapped(
      `${isWhole ? paint.green('✔') : paint.yellow('!')} The branch ${branch} holds ${isWhole ? 'it' : 'a part of it'} (${sha.slice(0, 12)})${what}`,
      columns,
    ),
    ...restored.remarks.flatMap(remark => wrapped(oneLine(remark), columns, '  ').map(line => paint.yellow(line))),
    `${paint.dim('Look:')}  git -C ${shownWord(repo)} diff ${base.slice(0, 12)} ${shownWord(branch)}`,
    `${paint.dim('Use:')}   git -C ${shownWord(repo)} switch ${shownWord(branch)}`,
  ]
}

function headLines(known: KnownPiece, now: number, columns: number, paint: ChalkInstance): string[] {
  const { piece, task, reason, agentId } = known
  const title = task ? oneLine(task.title, 300) : piece.kind === 'ref' ? oneLine(piece.subject, 300) : 'work of no run that is known here'
  const facts = [stands(known), moment(known.at, now)]
  if (agentId) facts.push(agentId)
  if (reason) facts.push(Object.hasOwn(ENDS, reason) ? end(reason as EndReason).says : oneLine(reason, 64))
  // Names are there to be copied, so they are not wrapped.
  return [
    cut(`${paint.yellow('◆')} ${paint.bold(title)}`, columns),
    ...wrapped(facts.join(' · '), columns, '  ').map(line => paint.dim(line)),
    `  ${piece.kind === 'ref' ? oneLine(known.name) : tilde(oneLine(known.name))}`,
  ]
}

/** What kind of work it is, in a few words. */
function stands({ piece, unfinished, beforeStart }: KnownPiece): string {
  const going = unfinished ? ', of a run that is not over' : ''
  if (beforeStart) return `your own changes as they were before the agent began${going}`
  if (piece.kind === 'ref') {
    if (piece.branches.length > 0)
      return `also on ${piece.branches
        .slice(0, 2)
        .map(name => oneLine(name))
        .join(', ')}`
    return piece.commits > 1 ? `${count(piece.commits, 'commit')} on no branch${going}` : `on no branch${going}`
  }
  if (piece.state === 'folder') return 'a folder that git knows nothing of'
  if (piece.state === 'unreadable') return `git cannot read it: ${oneLine(piece.problem ?? '', 200)}`
  const kind = piece.cloneOf === null ? 'worktree' : `clone of ${tilde(oneLine(piece.cloneOf.replace(/\/\.git$/, '')))},`
  const branch = piece.branch ? `on ${oneLine(piece.branch)}` : 'on no branch'
  return piece.uncommitted.length > 0
    ? `${kind} ${branch} with ${count(piece.uncommitted.length, 'uncommitted file')}`
    : `${kind} ${branch}, nothing uncommitted`
}

function someFiles(files: ChangedFile[], most = 3): string {
  const names = files.slice(0, most).map(file => oneLine(file.path, 120))
  return `${count(files.length, 'file')}: ${names.join(', ')}${files.length > most ? ` and ${files.length - most} more` : ''}`
}

function linesOf({ added, removed }: ChangedFile): string {
  return added === null || removed === null ? 'binary' : `+${added} −${removed}`
}
