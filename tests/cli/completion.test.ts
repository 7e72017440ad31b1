import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addRunOptions } from '../../src/cli/command/options.ts'
import { completionScript, SHELLS, type Shell } from '../../src/cli/completion/scripts.ts'
import { wordsOf } from '../../src/cli/completion/words-of.ts'
import { completionCommand } from '../../src/cli/completion.ts'
import { configCommand } from '../../src/cli/config.ts'
import { tempFolder } from '../support/temp.ts'
import { capture } from './capture.ts'

function program(): Command {
  const root = new Command('agent-runner')
  addRunOptions(root.command('run', { isDefault: true }).description("it's the default").option('-q, --quiet', 'says nothing'))
  root.command('secret', { hidden: true })
  const task = root.command('task').description('tasks')
  task.command('add').option('--file <file>', 'a file').option('--title <text>', 'a title')
  configCommand(root)
  completionCommand(root)
  return root
}

const script = (shell: Shell) => completionScript(shell, 'agent-runner', wordsOf(program()))

/** Runs commands in real bash that has read the script. */
function inBash(commands: string, words: string[] = [], cwd = tempFolder()): string {
  const file = join(tempFolder(), 'completion.bash')
  writeFileSync(file, script('bash'))
  return execFileSync('bash', ['--norc', '-uc', `source ${file}; ${commands}`, 'bash', ...words], { cwd, encoding: 'utf8' })
}

/** What bash offers for a line; the last word is the one that is being typed. */
function bash(words: string[], cwd?: string): string[] {
  const call = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _agent_runner; printf '%s\\n' "\${COMPREPLY[@]}"`
  return inBash(call, ['agent-runner', ...words], cwd)
    .split('\n')
    .filter(Boolean)
}

test('bash completes commands, subcommands, and what a command takes', () => {
  expect(bash([''])).toEqual(['run', 'task', 'config', 'completion', 'help'])
  expect(bash(['co'])).toEqual(['config', 'completion'])
  expect(bash(['config', 's'])).toEqual(['set'])
  expect(bash(['completion', ''])).toEqual(['bash', 'zsh', 'fish'])
  expect(bash(['config', 'get', 'models.r'])).toEqual(['models.roles'])
})

test('bash completes flags of the command at hand, and those of the default command without its name', () => {
  expect(bash(['task', 'add', '--'])).toEqual(['--file', '--title', '--help'])
  expect(bash(['--si'])).toEqual(['--silent-after'])
  expect(bash(['run', '-q'])).toEqual(['-q'])
})

test('bash completes the words that a flag takes, after a space and after =', () => {
  expect(bash(['--level', ''])).toEqual(['junior', 'senior', 'principal'])
  expect(bash(['--role', 'qa', '--level', '=', 's'])).toEqual(['senior'])
  expect(bash(['--level', '='])).toEqual(['junior', 'senior', 'principal'])
  expect(bash(['--agent-id', ''])).toEqual([])
})

test('the value of a flag is not taken for a command', () => {
  expect(bash(['--role', 'task', 'c'])).toEqual(['config', 'completion'])
})

test('bash completes folders and files with spaces in their names', () => {
  const folder = tempFolder()
  mkdirSync(join(folder, 'my repo'))
  writeFileSync(join(folder, 'my file'), '')
  expect(bash(['--repo', 'my'], folder)).toEqual(['my repo'])
  expect(bash(['task', 'add', '--file', 'my'], folder).sort()).toEqual(['my file', 'my repo'])
})

test('the script is registered when bash reads it', () => {
  const out = inBash('complete -p agent-runner')
  expect(out.trim()).toBe('complete -F _agent_runner agent-runner')
})

test.for(['zsh', 'fish'] as const)('%s accepts its script, where there is one', (shell, { skip }) => {
  try {
    execFileSync(shell, ['--version'])
  } catch {
    skip(`${shell} is not installed`)
  }
  const file = join(tempFolder(), 'script')
  writeFileSync(file, script(shell))
  execFileSync(shell, ['-n', file], { stdio: 'pipe' })
})

test('every shell gets every visible command and flag, and no hidden one', async () => {
  for (const shell of Object.keys(SHELLS) as Shell[]) {
    const { out } = await capture(
      (root, io) => {
        addRunOptions(root.command('run', { isDefault: true }))
        root.command('secret', { hidden: true })
        completionCommand(root, io)
      },
      ['completion', shell],
      { cwd: tempFolder() },
    )
    expect(out).toContain('completion')
    expect(out).toContain('claude-timeout')
    expect(out).toContain('headless-pm')
    expect(out).not.toContain('secret')
  }
})

test('an unknown shell is refused', async () => {
  await expect(capture(completionCommand, ['completion', 'tcsh'], { cwd: tempFolder() })).rejects.toThrow(
    'Allowed choices are bash, zsh, fish',
  )
})
