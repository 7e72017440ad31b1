import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { taskCommand } from '../../src/cli/task.ts'
import { commandIo } from '../support/command-io.ts'
import { gitRepo } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'

/** A state folder and a repository; `run` calls the command line as a shell would and answers what was printed. */
function desk() {
  const home = join(tempFolder(), 'state')
  const repo = gitRepo()
  const run = async (args: string[], options: { stdin?: string; columns?: number } = {}) => {
    const io = commandIo(home, { cwd: repo, ...options })
    const program = new Command('agent-runner').exitOverride().configureOutput({ writeErr: () => {} })
    taskCommand(program, () => io)
    for (const command of program.commands.flatMap(each => [each, ...each.commands]))
      command.exitOverride().configureOutput({ writeErr: () => {} })
    await program.parseAsync(['task', ...args], { from: 'user' })
    return { out: io.stdout.text(), err: io.stderr.text() }
  }
  const json = async (args: string[], options: { stdin?: string } = {}) => JSON.parse((await run([...args, '--json'], options)).out)
  return { home, repo, run, json }
}

const ADD = ['add', '--title', 'Mend it', '--role', 'backend_dev']

test('a task is added with everything that was said of it, and shown with its history', async () => {
  const { json } = desk()
  const first = await json(ADD)
  const said = ['--seniority', 'principal', '--complexity', 'minor', '--branch', 'feature/mend', '--priority', '-3', '--model', 'opus']
  const more = ['--criteria', 'one', '--criteria', 'two', '--depends-on', first.id, '--max-cost', '2.50', '--description', 'In full']
  const added = await json([...ADD, ...said, ...more])
  const shown = await json(['show', added.id])
  expect(shown).toMatchObject({
    ...{ title: 'Mend it', role: 'backend_dev', seniority: 'principal', complexity: 'minor', branch: 'feature/mend', priority: -3 },
    ...{ model: 'opus', criteria: ['one', 'two'], dependsOn: [first.id], blockedBy: [first.id], maxCostUsd: 2.5, description: 'In full' },
  })
  expect(shown.history).toHaveLength(1)
  expect(first).toMatchObject({ seniority: 'senior', complexity: 'major', branch: null, priority: 0, maxCostUsd: null, status: 'created' })
})

test('the description comes from stdin, whatever is in it', async () => {
  const { json } = desk()
  const text = 'line one\n"quotes" $(not run) \u001b[31m\n'
  expect((await json([...ADD, '-'], { stdin: text })).description).toBe(text)
})

test('bad input is one line, and nothing was touched', async () => {
  const { home, run } = desk()
  const faults: [string[], RegExp][] = [
    [['add', '--role', 'qa'], /--title <text>' not specified/],
    [['add', '--title', 'x'], /--role <role>' not specified/],
    [[...ADD, '--seniority', 'boss'], /Allowed choices are junior, senior, principal/],
    [[...ADD, '--complexity', 'huge'], /Allowed choices are minor, major/],
    [[...ADD, '--priority', '1.5'], /whole number/],
    [[...ADD, '--max-cost', '0'], /amount above 0/],
    [[...ADD, '--max-cost', 'free'], /amount above 0/],
    [['add', '--title', '  ', '--role', 'qa'], /title/],
    [['add', '--title', 'x', '--role', '../etc'], /role/],
    [[...ADD, '--file', '/no/such/file'], /^--file \/no\/such\/file: there is no such file$/],
    [[...ADD, '--file', '/'], /^--file \/: that is a folder$/],
    [[...ADD, '--file', process.execPath], /larger than 1 MiB|not text/],
    [[...ADD, '--description', 'a', '-'], /--description and - exclude each other/],
    [[...ADD, 'stray'], /stray/],
    ...['a..b', '-x', 'a b', 'x.lock', 'a/', 'a~1', '@', '.x', 'a//b'].map(
      name => [[...ADD, `--branch=${name}`], /not a name that git takes/] as [string[], RegExp],
    ),
  ]
  for (const [args, message] of faults) {
    const error = await run(args).then(
      () => null,
      thrown => thrown as Error,
    )
    expect(error?.message, args.join(' ')).toMatch(message)
    expect(error?.message).not.toContain('\n')
  }
  expect(existsSync(home)).toBe(false)
})

test('where tasks come from a PM server, a task is not put where no runner looks', async () => {
  const { home, repo } = desk()
  const io = { ...commandIo(home, { cwd: repo }), env: { HEADLESS_PM_HOME: home, HEADLESS_PM_API_URL: 'http://localhost:6969' } }
  const program = new Command('agent-runner')
  taskCommand(program, () => io)
  await expect(program.parseAsync(['task', ...ADD], { from: 'user' })).rejects.toMatchObject({ code: 'USAGE' })
  expect(existsSync(home)).toBe(false)
  await program.parseAsync(['task', ...ADD, '--tracker', 'embedded'], { from: 'user' })
  expect(io.stdout.text()).toContain('Mend it')
})

test('lists are newest first, narrowed by status and role; other repositories have lists of their own', async () => {
  const { json, run, home } = desk()
  const [one, two] = [await json(ADD), await json(['add', '--title', 'Check it', '--role', 'qa'])]
  expect((await json(['list'])).map((task: { id: string }) => task.id)).toEqual([two.id, one.id])
  expect((await json(['list', '--role', 'backend_dev'])).map((task: { id: string }) => task.id)).toEqual([one.id])
  expect(await json(['list', '--status', 'pending'])).toEqual([])
  expect((await run(['list', '--repo', gitRepo(), '--home', home])).err).toContain('task add')
})

test('without a terminal a list is lines of columns between tabs', async () => {
  const { json, run } = desk()
  const { id } = await json(['add', '--title', 'Tab\there and \u001b[31mred', '--role', 'qa'])
  expect((await run(['list'])).out).toBe(`${id}\tdev_done\tqa\tTab here and red\n`)
})

test('at a terminal a list fits its width and shows every id whole', async () => {
  const { json, run } = desk()
  const { id } = await json(['add', '--title', `A title ${'with many words '.repeat(10)}`, '--role', 'frontend_dev'])
  for (const columns of [40, 80, 120]) {
    const { out } = await run(['list'], { columns })
    expect(out).toContain(id)
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
  }
})

test('a cancelled task is out until it is put back; what is not there cannot be', async () => {
  const { json, run } = desk()
  const { id } = await json(ADD)
  expect(await json(['cancel', id])).toMatchObject({ status: 'cancelled' })
  expect((await run(['requeue', id])).out).toContain(`${id} (created)`)
  for (const verb of ['show', 'cancel', 'requeue'])
    await expect(run([verb, 'tsk_none'])).rejects.toMatchObject({ code: 'TASK_UNKNOWN', exitCode: 2 })
})

test('a page shows the task, what it waits for and its history, without a word of escape sequences', async () => {
  const { json, run } = desk()
  const first = await json(ADD)
  const { id } = await json([...ADD, '--depends-on', first.id, '--description', 'Do \u001b]0;evil\u0007this', '--criteria', 'it works'])
  const { out } = await run(['show', id], { columns: 60 })
  for (const part of [id, 'Mend it', 'created (blocked)', `${first.id} (not done yet)`, 'Do this', 'it works', 'added → created by user'])
    expect(out).toContain(part)
  expect(out).not.toMatch(/(?!\n)\p{Cc}/u)
})
