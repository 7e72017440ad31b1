import { adviceFor, type EndReason, end } from '../../core/ends.ts'
import { type AttemptEnd, changeTotals, type RunRecord, type WorkReport } from '../../core/run.ts'
import { spent } from '../attempts/attempt-choice.ts'

/** The longest summary that goes into a note; all of it stands in the run's folder. */
const SUMMARY_LENGTH = 4_000
const SHOWN = 20

/** What is written on the task at a run's end: what was done, where it is, what it took, how to see more. Markdown. */
export function writeNote(record: RunRecord, reason: EndReason, extra: { durationMs: number; goesBack?: boolean; text?: string }): string {
  const row = end(reason)
  const last = record.attempts.findLast(attempt => attempt.ended)?.ended ?? null
  const dry = record.task.plan?.dryRun === true && row.next === 'report'
  // A stopped run that did nothing in its worktree leaves no branch either.
  const isBare = record.work?.commits.length === 0 && (dry || row.next === 'stop')
  const advice = adviceFor(reason, extra.goesBack ?? false)
  const lines = [
    dry ? '**A dry run: nothing was done**' : `**${capital(row.says)}**`,
    ...said(last, extra.text),
    '',
    ...(record.work ? workLines(record.work, isBare) : []),
    ...[...(last?.remarks ?? []), ...(record.work?.remarks ?? [])].map(remark => `- note: ${remark}`),
    ...(record.workspace?.fallback ? [`- workspace: ${record.workspace.fallback}`] : []),
    ...(record.attempts.length > 0 ? [effort(record, last, extra.durationMs)] : []),
    ...(advice ? [`- what to do: ${advice}`] : []),
    `- more: \`agent-runner logs ${record.runId}\``,
  ]
  return lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/** The agent's last words, or `instead`, and the findings of its verdict. */
function said(last: AttemptEnd | null, instead: string | undefined): string[] {
  const text = (instead ?? last?.verdict?.summary ?? last?.text ?? '').trim()
  const findings = last?.verdict?.findings ?? []
  return [...(text ? ['', cut(text)] : []), ...(findings.length > 0 ? ['', ...findings.map(finding => `- finding: ${finding}`)] : [])]
}

/** Where the work is. `isBare`: its branch holds nothing and goes. */
function workLines(work: WorkReport, isBare: boolean): string[] {
  const { branch, commits, rescued } = work
  const number = count(commits.length, 'commit')
  const where = branch && !isBare ? [`- branch: ${branch}, ${number}`] : !branch && commits.length > 0 ? [`- on no branch: ${number}`] : []
  return [
    ...where,
    ...commits.slice(0, SHOWN).map(commit => `  - ${commit.sha.slice(0, 10)} ${commit.subject}`),
    ...(work.files.length > 0 ? [`- files: ${files(work)}`] : []),
    ...rescued.map(ref => `- kept apart: ${ref}`),
  ]
}

/** Time, money, attempts and model. */
function effort(record: RunRecord, last: AttemptEnd | null, durationMs: number): string {
  const { costUsd, costIsLeast } = spent(record)
  const money = `${costIsLeast ? 'at least ' : ''}$${costUsd.toFixed(2)}`
  const model = last?.model ?? record.attempts.at(-1)?.model
  return `- took: ${duration(durationMs)}, ${money}, ${count(record.attempts.length, 'attempt')}, model ${model}`
}

function files(work: WorkReport): string {
  const { files: number, added, removed } = changeTotals(work)
  const names = work.files.slice(0, SHOWN).map(file => file.path)
  if (number > SHOWN) names.push(`and ${(number - SHOWN).toLocaleString('en')} more`)
  return `${number} (+${added} −${removed}): ${names.join(', ')}`
}

/** A duration for people: `850 ms`, `42 s`, `3 min 12 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const count = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
const cut = (text: string) => (text.length > SUMMARY_LENGTH ? `${text.slice(0, SUMMARY_LENGTH)} …` : text)
