import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { builtInHook } from '../../src/cli/compose/built-in-hooks.ts'
import { listHooks, printHookSchema, runHook } from '../../src/cli/hooks/actions.ts'
import { HOOKS, type HookName } from '../../src/core/ports/hooks.ts'
import { gitRepo, writeFiles } from '../support/git-repo.ts'
import { PROGRAM } from '../support/hook-document.ts'
import { tempFolder } from '../support/temp.ts'

function house(files: Record<string, string>) {
  const folder = tempFolder()
  const repo = gitRepo({ a: 'a' }, join(folder, 'repo'))
  writeFiles(folder, files)
  const options = {
    ...{ hooksDir: null, repo, home: join(folder, 'home'), timeoutMs: 20_000, killGraceMs: 100, self: PROGRAM, builtIn: builtInHook },
    agent: { id: 'dev_001', role: 'backend_dev', level: 'senior' as const },
    tracker: { name: 'embedded', url: 'board' },
    modelFor: () => 'sonnet',
    agentCommand: process.execPath,
  }
  let printed = ''
  const print = (text: string) => {
    printed += text
  }
  const run = async (name: HookName, taskFile: string | null = null, json = false) => {
    printed = ''
    const code = await runHook(name, { ...options, taskFile, json }, print, new AbortController().signal)
    return { code, printed }
  }
  const list = (json: boolean) => {
    printed = ''
    const code = listHooks(options, json, print)
    return { code, printed }
  }
  return { folder, repo, options, run, list }
}

test('the list shows each hook, where it is from, how it is run and what it hides', () => {
  const { list, repo, folder } = house({ 'repo/hooks/pre_task.py': 'x', 'home/hooks/pre_task.sh': 'x' })
  const { code, printed } = list(false)
  expect(code).toBe(0)
  expect(printed).toContain(join(repo, 'hooks/pre_task.py'))
  expect(printed).toContain("from the repository's hooks/, run by python3")
  expect(printed).toContain(`hides ${join(folder, 'home/hooks/pre_task.sh')}`)
  expect(printed).toMatch(/health_check +built in\n +shipped, run as a part/)
})

test('a hook that cannot be run is shown and makes the list end with 1; --json says the same', () => {
  const { list } = house({ 'repo/hooks/pre_task': '#!/bin/sh\n' })
  expect(list(false)).toMatchObject({ code: 1, printed: expect.stringContaining('cannot be run: it is not executable') })
  const { code, printed } = list(true)
  expect(code).toBe(1)
  expect(JSON.parse(printed)).toMatchObject([
    { name: 'pre_task', origin: 'repository', problem: expect.stringContaining('chmod') },
    { name: 'post_task', origin: 'shipped', problem: null },
    { name: 'health_check', origin: 'shipped' },
  ])
})

test("a hook is run with the task of a file; its output is shown and its exit code is the command's", async () => {
  const { run, folder } = house({ 'repo/hooks/pre_task.sh': 'cat; exit 42', 'task.json': '{"title":"Mine","complexity":"major"}' })
  const { code, printed } = await run('pre_task', join(folder, 'task.json'))
  expect(code).toBe(42)
  expect(JSON.parse(printed.split('\n')[0] ?? '').task).toMatchObject({ title: 'Mine', complexity: 'major', depends_on: [] })
  expect(printed).toMatch(/pre_task: failed \(exit code 42\) after \d/)
})

test('--json is one document with output and verdict', async () => {
  const { run } = house({ 'repo/hooks/health_check.sh': 'echo well' })
  const { code, printed } = await run('health_check', null, true)
  expect(code).toBe(0)
  expect(JSON.parse(printed)).toMatchObject({ hook: 'health_check', ok: true, exitCode: 0, output: 'well\n', timedOut: false })
})

test('the shipped hooks pass with the sample task, and a trial leaves no metrics', async () => {
  const { run, folder } = house({})
  for (const name of HOOKS) expect(await run(name)).toMatchObject({ code: 0 })
  expect(existsSync(join(folder, 'home/metrics.jsonl'))).toBe(false)
})

test('a hook that cannot be run ends with 126 and the reason', async () => {
  const { run, repo } = house({ 'repo/hooks/pre_task': '#!/bin/sh\n' })
  chmodSync(join(repo, 'hooks/pre_task'), 0o600)
  expect(await run('pre_task')).toMatchObject({ code: 126, printed: expect.stringContaining('chmod +x') })
})

test('unfit task files are usage errors', async () => {
  const { run, folder } = house({ bad: 'x', typo: '{"title":"t","complexty":"major"}', none: '{}' })
  const usage = (what: string) => expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(what) })
  await expect(run('pre_task', join(folder, 'nowhere'))).rejects.toEqual(usage('ENOENT'))
  await expect(run('pre_task', join(folder, 'bad'))).rejects.toEqual(usage('JSON'))
  await expect(run('pre_task', join(folder, 'typo'))).rejects.toEqual(usage('complexty'))
  await expect(run('pre_task', join(folder, 'none'))).rejects.toEqual(usage('title'))
  await expect(run('health_check', join(folder, 'typo'))).rejects.toEqual(usage('--task'))
})

test('the schema is printed as JSON', async () => {
  let printed = ''
  expect(
    await printHookSchema(text => {
      printed += text
    }),
  ).toBe(0)
  expect(JSON.parse(printed)).toMatchObject({ $schema: expect.stringContaining('2020-12'), properties: { event: {} } })
})
