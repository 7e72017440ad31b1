import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { gitRepo, writeFiles } from '../support/git-repo.ts'
import { MAIN } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { trustAsItIs } from '../support/trusted.ts'

/** The real command line in a repository with these files, with a state folder of its own. */
function house(files: Record<string, string>) {
  const folder = tempFolder()
  const repo = gitRepo(files, join(folder, 'repo'))
  const call = async (...words: string[]) => {
    const env = { PATH: process.env.PATH, HOME: folder, HEADLESS_PM_HOME: join(folder, 'home'), NO_COLOR: '1' }
    const child = spawn(process.execPath, [MAIN, 'hooks', ...words], { cwd: repo, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { code: code as number | null, out, err }
  }
  const trusted = () => trustAsItIs(repo, join(folder, 'home'))
  return { folder, repo, call, trusted }
}

test('hooks are listed as the configuration has them', async () => {
  const { call, repo, folder, trusted } = house({ 'hooks/pre_task.py': 'x' })
  await trusted()
  writeFiles(folder, { 'mine/post_task.sh': 'x' })
  const { code, out } = await call('list', '--json', '--hooks-dir', join(folder, 'mine'))
  expect(JSON.parse(out)).toMatchObject([
    { name: 'pre_task', path: join(repo, 'hooks/pre_task.py') },
    { name: 'post_task', path: join(folder, 'mine/post_task.sh') },
    { name: 'health_check', origin: 'shipped' },
  ])
  expect(code).toBe(0)
})

test('a hook that there is not is refused with the names of those that there are', async () => {
  const { code, err } = await house({ a: 'x' }).call('run', 'pre-task')
  expect(err).toMatch(/pre-task.*pre_task, post_task, health_check/)
  expect(code).toBe(2)
})

test("a hook is told the configured agent, and the command ends with the hook's exit code", async () => {
  const { call, repo, trusted } = house({ 'hooks/pre_task.sh': 'cat; exit 42', 'task.json': '{"title":"Mine","seniority":"principal"}' })
  await trusted()
  const { code, out } = await call('run', 'pre_task', '--agent-id', 'qa_001', '--role', 'qa', '--task', 'task.json')
  expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({
    event: 'pre_task',
    agent: { id: 'qa_001', role: 'qa' },
    task: { title: 'Mine' },
    model: 'opus',
    tracker: { name: 'embedded' },
  })
  expect(out).toContain(`failed (exit code 42)`)
  expect(out).toContain(repo)
  expect(code).toBe(42)
})

test('the shipped hooks run as a part of the program', async () => {
  const { call } = house({ a: 'a' })
  const { code, out } = await call('run', 'health_check')
  expect(out).toMatch(/^ok: \d+ MB free/)
  expect(out).toMatch(/health_check: ok after .*, built in\n$/)
  expect(code).toBe(0)
})

test('a hook that runs longer than --hook-timeout ends the command with 124', async () => {
  const { call, trusted } = house({ 'hooks/pre_task.sh': 'exec sleep 300' })
  await trusted()
  const { code, out } = await call('run', 'pre_task', '--hook-timeout', '1')
  expect(out).toContain('timed out')
  expect(code).toBe(124)
})

test('the schema is printed, and mistakes are usage errors', async () => {
  const { call } = house({ a: 'a' })
  expect(JSON.parse((await call('schema')).out)).toMatchObject({ type: 'object' })
  expect(await call('run', 'pre-task')).toMatchObject({ code: 2, err: expect.stringContaining('pre_task, post_task, health_check') })
  expect(await call('list', '--hooks-dir', 'nowhere')).toMatchObject({ code: 2, err: expect.stringContaining('nowhere') })
})
