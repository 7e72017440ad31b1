import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { identify, isAlive } from '../../src/machine/process/processes.ts'
import { CLAUDE, claudeEnv } from '../support/claude-run.ts'
import { type CrashStage, embeddedStage } from '../support/crash-stage.ts'
import { expectNothingLeft, expectNothingRunning, expectToldOnce } from '../support/invariants.ts'
import type { ScriptedTurn } from '../support/model-script.ts'
import { startScriptedModel } from '../support/scripted-model.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

/** A stage with the real CLI, whose model says these turns. */
async function claudeStage(turns: ScriptedTurn[]) {
  const model = await startScriptedModel(turns)
  onTestFinished(() => model.close())
  const env: Record<string, string> = { ...claudeEnv(tempFolder(), model.url), HEADLESS_PM_CLAUDE_COMMAND: CLAUDE }
  const stage: CrashStage = await embeddedStage({ env })
  const projects = join(env.CLAUDE_CONFIG_DIR!, 'projects')
  /** Whether the CLI has written down that it calls a tool; it does so a little after it calls it. */
  const remembers = () => {
    const files = existsSync(projects) ? readdirSync(projects, { recursive: true, encoding: 'utf8' }) : []
    return files.some(name => name.endsWith('.jsonl') && read(join(projects, name)).includes('"tool_use"'))
  }
  return { stage, model, remembers }
}

const read = (path: string) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

test('a command of a killed CLI is ended before the session is resumed, and nothing is said or done twice', async () => {
  // The command stands in a session of its own and outlives the CLI; `go` would let it end and write its second line.
  const { stage, model, remembers } = await claudeStage([
    { text: 'I begin.', bash: 'echo $$ > pid; echo begun >> log; while [ ! -e go ]; do sleep 0.1; done; echo ended >> log' },
    { text: 'I look at what is there.', write: { path: 'second.txt', text: 'second\n' } },
    'All is done.',
  ])
  const id = await stage.board.add('Make it so', 'major')
  const runner = stage.start()
  const tree = join(stage.repo, '.worktrees', `task-${id}`)
  const command = await waitFor('the command runs', () => (read(join(tree, 'log')) ? identify(Number(read(join(tree, 'pid')))) : null))
  await waitFor('the call is in the transcript', remembers)
  runner.signal('SIGKILL')
  await runner.exit
  await stage.killSupervisor()
  await stage.killAgent()
  expect(isAlive(command)).toBe(true)
  const before = model.requests.length
  const next = stage.start()
  await waitFor('the session goes on', () => model.requests.length > before)
  expect(isAlive(command)).toBe(false)
  writeFileSync(join(tree, 'go'), '')
  expect(await next.exit, next.output()).toEqual({ code: 0, signal: null })
  // One request before the kill; then one for each turn that was left: what was said is not asked for again.
  expect(model.requests).toHaveLength(3)
  expect(new Set(model.requests.map(request => request.sessionId)).size).toBe(1)
  expect(stage.git('show', `feature/task-${id}:log`)).toBe('begun')
  expect(stage.git('show', `feature/task-${id}:second.txt`)).toBe('second')
  await expectToldOnce(stage, id, 'dev_done')
  expectNothingRunning(stage)
  expectNothingLeft(stage)
})

test('the real CLI does not notice that its runner was killed: no request is made twice', async () => {
  const { stage, model } = await claudeStage([
    { bash: 'echo begun >> log; while [ ! -e go ]; do sleep 0.1; done; rm go; echo ended >> log' },
    'All is done.',
  ])
  const id = await stage.board.add('Make it so', 'major')
  const runner = stage.start()
  const tree = join(stage.repo, '.worktrees', `task-${id}`)
  await waitFor('the command runs', () => read(join(tree, 'log')))
  runner.signal('SIGKILL')
  await runner.exit
  const next = stage.start()
  await waitFor('adopted', () => stage.events().some(event => event.type === 'recovered' && event.decision === 'adopted'))
  writeFileSync(join(tree, 'go'), '')
  expect(await next.exit, next.output()).toEqual({ code: 0, signal: null })
  expect(model.requests).toHaveLength(2)
  expect(stage.git('show', `feature/task-${id}:log`)).toBe('begun\nended')
  await expectToldOnce(stage, id, 'dev_done')
  expectNothingRunning(stage)
  expectNothingLeft(stage)
})
