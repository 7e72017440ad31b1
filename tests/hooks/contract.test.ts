import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { HookInput } from '../../hooks/document.ts'
import { builtInHook } from '../../src/cli/compose/built-in-hooks.ts'
import { HOOKS } from '../../src/core/ports/hooks.ts'
import { type HookWire, hookSchema, hookDocument as schema } from '../../src/machine/hooks/hook-document.ts'
import { openHooks } from '../../src/machine/hooks/hooks.ts'
import { writeFiles } from '../support/git-repo.ts'
import { hookDocument, hookTask, PROGRAM } from '../support/hook-document.ts'
import { runShipped } from '../support/shipped-hook.ts'
import { tempFolder } from '../support/temp.ts'

const folder = join(import.meta.dirname, '../../hooks')
const result = {
  success: false,
  reason: 'crashed',
  status: null,
  duration_ms: 1,
  cost_usd: 0,
  branch: null,
  commits: [{ sha: 'a', subject: 'b' }],
  attempts: 3,
  hooks: [{ hook: 'pre_task', ok: true, duration_ms: 12 }],
  tracker_answers: { requests: 5, failed: 1, mean_ms: 8, most_ms: 20 },
}
const workspace = { kind: 'worktree', path: '/nowhere', repo: '/', branch: 'feature/task-7' }

test('the published schema is that of the code (`agent-runner hooks schema` prints it)', () => {
  expect(JSON.parse(readFileSync(join(folder, 'hook.schema.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(hookSchema())))
})

test('what hooks are given on stdin keeps to the schema, key for key', async () => {
  const repo = tempFolder()
  writeFiles(repo, Object.fromEntries(HOOKS.map(name => [`hooks/${name}.sh`, `cat > ${name}.json`])))
  const hooks = openHooks({ hooksDir: null, repo, home: repo, timeoutMs: 20_000, killGraceMs: 100, self: PROGRAM, builtIn: builtInHook })
  const documents = [
    hookDocument({ task: hookTask({ branch: 'b', model: 'opus' }) }),
    hookDocument({ event: 'post_task', workspace, result }),
    hookDocument({ event: 'health_check', run_id: null, task: null, model: null, agent_command: null }),
  ]
  for (const document of documents) {
    const { ok } = await hooks.run(document.event, document, join(repo, 'log'), new AbortController().signal)
    expect(ok).toBe(true)
    const got = JSON.parse(readFileSync(join(repo, `${document.event}.json`), 'utf8'))
    // What the shipped hooks read is in the document: the types say so.
    const wire: HookWire = schema.parse(got)
    wire satisfies HookInput
    // Parsing drops what the schema does not name, so equality means that each key is documented.
    expect(wire).toEqual(got)
  }
})

test('a hook finds the keys of the older runner at the top, before and after the run', async () => {
  const repo = tempFolder()
  writeFiles(repo, { 'hooks/pre_task.sh': 'cat > before.json', 'hooks/post_task.sh': 'cat > after.json' })
  const hooks = openHooks({ hooksDir: null, repo, home: repo, timeoutMs: 20_000, killGraceMs: 100, self: PROGRAM, builtIn: builtInHook })
  const about = { task_id: '7', task_title: hookTask().title, skill_level: 'senior', complexity: 'minor' }
  await hooks.run('pre_task', hookDocument(), join(repo, 'log'), new AbortController().signal)
  expect(JSON.parse(readFileSync(join(repo, 'before.json'), 'utf8'))).toMatchObject({
    ...about,
    status: 'created',
    success: null,
    execution_time: null,
  })
  const ended = hookDocument({ event: 'post_task', workspace, result: { ...result, status: 'dev_done', success: true, duration_ms: 1500 } })
  await hooks.run('post_task', ended, join(repo, 'log'), new AbortController().signal)
  expect(JSON.parse(readFileSync(join(repo, 'after.json'), 'utf8'))).toMatchObject({
    ...about,
    status: 'dev_done',
    success: true,
    execution_time: 1.5,
  })
})

for (const name of HOOKS) {
  test(`${name} says so in one line when stdin is no document`, async () => {
    const cwd = tempFolder()
    const { code, err } = await runShipped([join(folder, `${name}.ts`)], 'not json', cwd)
    expect(code).toBe(1)
    expect(err).toMatch(/^stdin is not the JSON document of a hook: .*\n$/)
  })
}

test('the README names every hook, every environment name that the hooks read, and its default', () => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const sources = [...HOOKS, 'machine', 'document'].map(name => readFileSync(join(folder, `${name}.ts`), 'utf8')).join('\n')
  for (const name of HOOKS) expect(readme).toContain(`\`${name}\``)
  const settings = [...sources.matchAll(/setting\('(\w+)', (\d+), env\)/g)]
  expect(settings).toHaveLength(2)
  for (const [, name, value] of settings) expect(readme).toMatch(new RegExp(`${value} MB.*\`${name}\``))
})
