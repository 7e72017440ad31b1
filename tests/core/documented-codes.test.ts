import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LEFT } from '../../src/cli/run/signals.ts'
import { ENDS } from '../../src/core/ends.ts'
import { ERRORS } from '../../src/core/errors.ts'
import { NOTHING_TO_DO } from '../../src/runner/loop.ts'
import { MAIN } from '../support/program.ts'

const ROOT = join(import.meta.dirname, '../..')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
const help = () => execFileSync(process.execPath, [MAIN, 'run', '--help'], { encoding: 'utf8' })

/** Every code with which the program can end by its own tables. */
const POSSIBLE = new Set<number>([
  NOTHING_TO_DO,
  LEFT,
  ...Object.values(ENDS).map(({ exitCode }) => exitCode),
  ...Object.values(ERRORS).map(({ exitCode }) => exitCode),
])

/** The numbers in a list such as `0 done · 1 internal fault`, each with its words. */
function listed(text: string): Map<number, string> {
  return new Map(Array.from(text.matchAll(/(?:^|·|:)\s*(\d{1,3})\s+([^·\n]+)/gm), ([, code, words]) => [Number(code), words!.trim()]))
}

test('`run --help` names every exit code that there is, and no other', () => {
  const codes = listed(help().split('Exit codes:')[1]!.split('Signals:')[0]!)
  expect([...codes.keys()].toSorted((a, b) => a - b)).toEqual([...POSSIBLE].toSorted((a, b) => a - b))
})

test('the README names every exit code that there is, and no other', () => {
  const others = listed(README.split('The other exit codes')[1]!.split('\n')[0]!)
  const table = README.split('| it ends because |')[1]!.split('\n\n')[0]!
  const inTable = Array.from(table.matchAll(/\| ([\d /]+) \|$/gm), ([, codes]) => codes!.split('/').map(Number)).flat()
  expect([...new Set([...others.keys(), ...inTable])].toSorted((a, b) => a - b)).toEqual([...POSSIBLE].toSorted((a, b) => a - b))
})

test('the README tells of each end what the table of ends does', () => {
  const table = README.split('| it ends because |')[1]!.split('\n\n')[0]!
  const row = (words: string) => {
    const line = table.split('\n').find(text => text.includes(words))
    return (line?.split('|').at(-2) ?? '').split('/').map(Number)
  }
  const told: [string, (keyof typeof ENDS)[]][] = [
    ['done, or sent back', ['completed', 'sent_back']],
    [
      'agent failed three times',
      [
        ...(['crashed', 'silent', 'killed', 'session_lost', 'said_nothing', 'content_refused'] as const),
        ...(['session_outgrown', 'session_broken', 'prompt_too_long', 'prompt_refused'] as const),
        ...(['over_budget', 'turns_spent', 'denied', 'wrong_model', 'blocked'] as const),
      ],
    ],
    ['git, or the runner itself', ['step_failed']],
    ['deadline passed', ['timed_out']],
    ['refused by `pre_task`', ['refused_by_hook', 'no_workspace']],
    ['stopped by you', ['stopped']],
    ['cancelled or taken', ['cancelled', 'lost']],
  ]
  for (const [words, reasons] of told) for (const reason of reasons) expect(row(words), reason).toEqual([ENDS[reason].exitCode])
  const { api_error, api_unreachable, api_refused, account_blocked, no_start } = ENDS
  expect(row('account blocked')).toEqual([api_error.exitCode, account_blocked.exitCode, no_start.exitCode])
  expect([api_unreachable.exitCode, api_refused.exitCode]).toEqual([api_error.exitCode, api_error.exitCode])
  expect(row('not logged in')).toEqual([ENDS.not_logged_in.exitCode, ENDS.unknown_model.exitCode, ENDS.cli_missing.exitCode])
})

test('who must act is told what to do, at every end and with every error that a person can mend', () => {
  for (const [reason, { actor, advice }] of Object.entries(ENDS)) expect(advice !== '', reason).toBe(actor !== 'nobody')
  for (const [code, { advice }] of Object.entries(ERRORS)) if (code !== 'ABORTED') expect(advice, code).not.toBe('')
})
