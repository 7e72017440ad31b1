import { expect, test } from 'vitest'
import { duration, writeNote } from '../../../src/runner/telling/note.ts'
import { anEnd, aRun, attempts } from '../../support/records.ts'

const work = {
  branch: 'feature/task-7',
  commits: [{ sha: 'abcdef0123456789', subject: 'fix: add adds' }],
  files: [
    { path: 'src/add.js', added: 3, removed: 1 },
    { path: 'logo.png', added: null, removed: null },
  ],
  diff: '',
  rescued: [],
  remarks: ['the pre-commit hook failed'],
}

test('a note says what was done, on which branch, with which commits and files, for how long and how much', () => {
  const run = aRun({ work, attempts: attempts('killed', 'completed') })
  run.attempts[1]!.ended = anEnd('completed', { text: 'I fixed it.', costUsd: 0.25 })
  const note = writeNote(run, 'completed', { durationMs: 61_000 })
  for (const piece of [
    '**Done**',
    'I fixed it.',
    'feature/task-7, 1 commit',
    'abcdef0123 fix: add adds',
    '2 (+3 −1): src/add.js, logo.png',
    '1 min 1 s, $0.75, 2 attempts',
    'pre-commit hook failed',
    `agent-runner logs ${run.runId}`,
  ])
    expect(note).toContain(piece)
})

test('commits that are on no branch are said to be so', () => {
  const note = writeNote(aRun({ work: { ...work, branch: null } }), 'completed', { durationMs: 1 })
  expect(note).toContain('- on no branch: 1 commit\n  - abcdef0123')
})

test('a note of a dry run does not call it done, and names no branch', () => {
  const plan = { parts: null, timeoutMs: null, maxTurns: null, dryRun: true, verbose: false }
  const run = aRun({ work: { ...work, commits: [], files: [] }, attempts: attempts('completed') })
  const note = writeNote({ ...run, task: { ...run.task, plan } }, 'completed', { durationMs: 1 })
  expect(note).toContain('**A dry run: nothing was done**')
  expect(note).not.toContain('feature/task-7')
})

test('a note of a failure says who must do what', () => {
  expect(writeNote(aRun({ attempts: attempts('timed_out') }), 'timed_out', { durationMs: 1 })).toContain('what to do: Split the task')
})

test('findings of a check stand in the note one by one', () => {
  const run = aRun({ attempts: attempts('sent_back') })
  run.attempts[0]!.ended = anEnd('sent_back', { verdict: { outcome: 'send_back', summary: 'Not yet.', findings: ['no test', 'typo'] } })
  expect(writeNote(run, 'sent_back', { durationMs: 1 })).toMatch(/Not yet\.[\s\S]*finding: no test\n- finding: typo/)
})

test('a very long summary is cut', () => {
  const run = aRun({ attempts: attempts('completed') })
  run.attempts[0]!.ended = anEnd('completed', { text: 'x'.repeat(100_000) })
  expect(writeNote(run, 'completed', { durationMs: 1 }).length).toBeLessThan(6_000)
})

test('durations read well', () => {
  expect([850, 42_000, 60_000, 192_000, 7_500_000].map(duration)).toEqual(['850 ms', '42 s', '1 min', '3 min 12 s', '2 h 5 min'])
})

test('a task that is in the queue again is not said to need moving there', () => {
  const run = aRun({ attempts: attempts('crashed') })
  expect(writeNote(run, 'crashed', { durationMs: 1 })).toContain('move the task back to created')
  expect(writeNote(run, 'crashed', { durationMs: 1, goesBack: true })).toMatch(/what to do: .*in the queue again/)
})
