import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../support/temp.ts'

const CHECK = new URL('../../src/cli/doctor/processes.ts', import.meta.url).pathname

/** What the check of the environment says in a process whose parent, a shell, was started with these entries. */
function below(entries: Record<string, string>, inside: string): { verdict: string; says: string; advice: string } {
  const file = join(tempFolder(), 'ask.mts')
  writeFileSync(
    file,
    `import { environment } from ${JSON.stringify(CHECK)}\nconsole.log(JSON.stringify(environment.examine({ env: process.env })))\n`,
  )
  // More than one command, so that the shell does not become the program.
  const script = `${inside} "$0" "$1"; exit $?`
  const env = { PATH: process.env.PATH, ...entries }
  return JSON.parse(execFileSync('/bin/sh', ['-c', script, process.execPath, file], { env, encoding: 'utf8' }))
}

test.runIf(process.platform === 'linux')('a process above that was started with a key is named with the key, never its value', () => {
  const finding = below({ HEADLESS_PM_API_KEY: 'do-not-print-this', SOME_WORD: 'x' }, 'env -u HEADLESS_PM_API_KEY')
  expect(finding.verdict).toBe('warn')
  expect(finding.says).toMatch(/sh \(pid \d+\) shows HEADLESS_PM_API_KEY\b/)
  expect(JSON.stringify(finding)).not.toContain('do-not-print-this')
  expect(finding.advice).toContain('EnvironmentFile=')
})

test('a key that a shell exports is shown by no process above', () => {
  expect(below({}, 'HEADLESS_PM_API_KEY=exported; export HEADLESS_PM_API_KEY;').says).not.toMatch(
    /sh \(pid \d+\) shows HEADLESS_PM_API_KEY/,
  )
})
