import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RESULT_LINE } from '../support/agent-program.ts'
import { processesOf, runnerStage } from '../support/runner-stage.ts'

const done = `echo '${RESULT_LINE}'`
const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: 'All of it.' } as const

test('a major task is done in a worktree, committed on its branch, reported and cleared away', async () => {
  const stage = await runnerStage(`cat > /dev/null; echo new > file.txt; ${done}`)
  const { id } = await stage.board.addTask(draft)
  const { exitCode, events } = await stage.run()
  expect(exitCode).toBe(0)
  const task = await stage.board.showTask(id)
  expect(task).toMatchObject({ status: 'dev_done', lockedBy: null })
  expect(stage.git('show', `feature/task-${id}:file.txt`)).toBe('new')
  expect(stage.git('status', '--porcelain')).toBe('')
  expect(stage.git('worktree', 'list').split('\n')).toHaveLength(1)
  expect(existsSync(join(stage.home, 'locks/agent-dev_001.lock'))).toBe(false)
  expect(processesOf(events)).toBe(0)
})

test('a minor task is done in place on the current branch', async () => {
  const stage = await runnerStage(`cat > /dev/null; echo new > file.txt; ${done}`)
  const { id } = await stage.board.addTask({ ...draft, complexity: 'minor' })
  expect((await stage.run()).exitCode).toBe(0)
  expect(stage.git('show', 'main:file.txt')).toBe('new')
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done' })
})

test('with nothing to do a single task exits 14', async () => {
  const stage = await runnerStage('exit 1')
  expect((await stage.run()).exitCode).toBe(14)
})

test('an agent that crashes every time is tried three times, then the task is parked with a note', async () => {
  const stage = await runnerStage('echo start >> "$HOME/starts"; exit 3')
  const { id } = await stage.board.addTask(draft)
  expect((await stage.run({ change: context => (context.random = () => 0) })).exitCode).toBe(10)
  expect(readFileSync(join(stage.home, 'starts'), 'utf8').trim().split('\n')).toHaveLength(3)
  const task = await stage.board.showTask(id)
  expect(task).toMatchObject({ status: 'pending' })
  expect(task.notes).toContain('ended without a result')
  expect((await stage.run()).exitCode).toBe(14)
})

test('a task whose deadline passes exits 11, and its worktree stays with what was written', async () => {
  const stage = await runnerStage('echo half > half.txt; sleep 300', { env: { HEADLESS_PM_CLAUDE_TIMEOUT: '1' } })
  const { id } = await stage.board.addTask(draft)
  const { exitCode, events } = await stage.run()
  expect(exitCode).toBe(11)
  expect(readFileSync(join(stage.repo, `.worktrees/task-${id}/half.txt`), 'utf8')).toBe('half\n')
  expect(events.at(-1 - 1)).toMatchObject({ type: 'run_finished', kept: join(stage.repo, `.worktrees/task-${id}`) })
  expect(processesOf(events)).toBe(0)
})

test('a task that pre_task refuses goes back as it was found, and the agent never starts', async () => {
  const hooks = { 'README.md': '', 'hooks/pre_task.sh': 'echo "not today" >&2; exit 1\n' }
  const stage = await runnerStage('touch "$HOME/started"', { files: hooks })
  const { id } = await stage.board.addTask(draft)
  expect((await stage.run()).exitCode).toBe(10)
  const task = await stage.board.showTask(id)
  expect(task).toMatchObject({ status: 'created', lockedBy: null })
  expect(task.notes).toContain('not today')
  expect(existsSync(join(stage.home, 'started'))).toBe(false)
})

test('a task that was given back and is taken again is told at its new end, although its run keeps its id', async () => {
  const stage = await runnerStage(done, { files: { 'README.md': '', 'hooks/pre_task.sh': 'exit 1\n' } })
  await stage.board.addTask(draft)
  const first = await stage.run()
  writeFileSync(join(stage.repo, 'hooks/pre_task.sh'), 'exit 0\n')
  const second = await stage.run()
  const ends = [first, second].map(({ events }) => events.flatMap(event => (event.type === 'run_finished' ? [event] : [])))
  expect(ends.map(found => found.map(event => event.reason))).toEqual([['refused_by_hook'], ['completed']])
  const runId = ends[1]![0]!.runId!
  expect(ends[0]![0]!.runId).toBe(runId)
  expect(ends.map(found => found[0]!.status)).toEqual(['created', 'dev_done'])
  expect(JSON.parse(readFileSync(join(stage.home, 'runs', runId, 'result.json'), 'utf8'))).toMatchObject({ reason: 'completed' })
})

test('a known secret in what the agent said does not get into the note', async () => {
  const stage = await runnerStage(done.replace('"result":"done"', '"result":"the key is hidden-key-1"'), {
    env: { DEPLOY_TOKEN: 'hidden-key-1' },
  })
  const { id } = await stage.board.addTask(draft)
  await stage.run()
  const { notes } = await stage.board.showTask(id)
  expect(notes).toContain('the key is [redacted]')
  expect(notes).not.toContain('hidden-key-1')
})

test('a failing post_task hook does not fail the task', async () => {
  const hook = `import { readFileSync, writeFileSync } from 'node:fs'
const text = readFileSync(0, 'utf8')
writeFileSync(JSON.parse(text).state_dir + '/post.json', text)
process.exit(9)
`
  const stage = await runnerStage(done, { files: { 'README.md': '', 'hooks/post_task.mjs': hook } })
  const { id } = await stage.board.addTask(draft)
  expect((await stage.run()).exitCode).toBe(0)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done' })
  const document = JSON.parse(readFileSync(join(stage.home, 'post.json'), 'utf8'))
  expect(document).toMatchObject({ event: 'post_task', result: { success: true, status: 'dev_done' } })
})

test('a dirty repository is refused for a task in place, and nothing of it changes', async () => {
  const stage = await runnerStage(done)
  writeFileSync(join(stage.repo, 'mine.txt'), 'precious')
  const { id } = await stage.board.addTask({ ...draft, complexity: 'minor' })
  expect((await stage.run()).exitCode).toBe(10)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'created' })
  expect(readFileSync(join(stage.repo, 'mine.txt'), 'utf8')).toBe('precious')
})

test('a task that is cancelled while the agent works is stopped, left alone, and its work kept', async () => {
  const stage = await runnerStage('echo half > half.txt; sleep 300', { env: { HEADLESS_PM_HEARTBEAT_INTERVAL: '0.1' } })
  const { id } = await stage.board.addTask(draft)
  const running = stage.run({
    change: context => {
      const { emit } = context
      context.emit = (event, runId) => {
        emit(event, runId)
        if (event.type === 'attempt_started') void stage.board.cancelTask(id)
      }
    },
  })
  expect((await running).exitCode).toBe(12)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'cancelled' })
})

test('a missing login gives the task back and stops claiming with 77', async () => {
  const line =
    '{"type":"result","subtype":"success","is_error":true,"result":"Not logged in · Please run /login","api_error_status":null,"session_id":"s","total_cost_usd":0,"num_turns":0,"duration_ms":1,"usage":{"input_tokens":0,"output_tokens":0}}'
  const stage = await runnerStage(`echo '${line}'; exit 1`)
  const { id } = await stage.board.addTask(draft)
  expect((await stage.run({ single: false })).exitCode).toBe(77)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'created', lockedBy: null })
})

test('QA gets what a developer finished, and its verdict decides', async () => {
  const verdict = (outcome: string) =>
    `{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"x","structured_output":{"outcome":"${outcome}","summary":"looked","findings":["no test"]},"session_id":"s","total_cost_usd":0,"num_turns":1,"duration_ms":1,"usage":{"input_tokens":0,"output_tokens":0}}`
  const stage = await runnerStage(done)
  const { id } = await stage.board.addTask(draft)
  await stage.run()
  const asQa = (context: { identity: { id: string; role: string; level: 'senior' | 'junior' | 'principal' } }) => {
    context.identity = { id: 'dev_001', role: 'qa', level: 'senior' }
  }
  stage.agentDoes(`echo '${verdict('send_back')}'`)
  expect((await stage.run({ change: asQa })).exitCode).toBe(0)
  const back = await stage.board.showTask(id)
  expect(back).toMatchObject({ status: 'created' })
  expect(back.notes).toContain('no test')
  stage.agentDoes(done)
  await stage.run()
  stage.agentDoes(`echo '${verdict('pass')}'`)
  await stage.run({ change: asQa })
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'qa_done' })
})
