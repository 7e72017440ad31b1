import { adviceFor, type EndReason, end } from '../core/ends.ts'
import { changeTotals, type RunRecord, type WorkReport } from '../core/run.ts'
import { spent } from './attempt-choice.ts'

/** The longest summary that goes into a note; all of it stands in the run's folder. */
const SUMMARY_LENGTH = 4_000
const SHOWN = 20

/** What is written on the task at a run's end: what was done, where it is, what it took, how to see more. Markdown. */
export function writeNote(record: RunRecord, reason: EndReason, extra: { durationMs: number; goesBack?: boolean; text?: string }): string {
  const row = end(reason)
  const last = record.attempts.findLast(attempt => attempt.ended)?.ended ?? null
  const { work } = record
  const { costUsd, costIsLeast } = spent(record)
  const money = `${costIsLeast ? 'at least ' : ''}$${costUsd.toFixed(2)}`
  const dry = record.task.plan?.dryRun && row.next === 'report'
  const lines = [dry ? '**A dry run: nothing was done**' : `**${capital(row.says)}**`]
  const text = (extra.text ?? last?.verdict?.summary ?? last?.text ?? '').trim()
  if (text) lines.push('', cut(text))
  if (last?.verdict?.findings.length) lines.push('', ...last.verdict.findings.map(finding => `- finding: ${finding}`))
  lines.push('')
  // A stopped run that did nothing in its worktree leaves no branch either.
  const isBare = work?.commits.length === 0 && (dry || row.next === 'stop')
  if (work?.branch && !isBare) lines.push(`- branch: ${work.branch}, ${count(work.commits.length, 'commit')}`)
  else if (work && work.commits.length > 0) lines.push(`- on no branch: ${count(work.commits.length, 'commit')}`)
  for (const commit of work?.commits.slice(0, SHOWN) ?? []) lines.push(`  - ${commit.sha.slice(0, 10)} ${commit.subject}`)
  if (work && work.files.length > 0) lines.push(`- files: ${files(work)}`)
  for (const ref of work?.rescued ?? []) lines.push(`- kept apart: ${ref}`)
  for (const remark of [...(last?.remarks ?? []), ...(work?.remarks ?? [])]) lines.push(`- note: ${remark}`)
  if (record.workspace?.fallback) lines.push(`- workspace: ${record.workspace.fallback}`)
  if (record.attempts.length > 0) {
    const model = last?.model ?? record.attempts.at(-1)?.model
    lines.push(`- took: ${duration(extra.durationMs)}, ${money}, ${count(record.attempts.length, 'attempt')}, model ${model}`)
  }
  const advice = adviceFor(reason, extra.goesBack ?? false)
  if (advice) lines.push(`- what to do: ${advice}`)
  lines.push(`- more: \`agent-runner logs ${record.runId}\``)
  return lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
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
