import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Plan } from '../../src/core/task.ts'
import type { RunnerContext } from '../../src/runner/context.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../support/agent-program.ts'
import { processesOf, type RunnerStage, runnerStage } from '../support/runner-stage.ts'

const draft = { title: 'Release it', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: 'All of it.' } as const
const worker = `n=$(ls "$HOME" | grep -c '^start-'); touch "$HOME/start-$n"; echo "$@" > "$HOME/args-$n"; cat > "$HOME/prompt-$n"; echo "agent $n" >> log.txt; echo '${RESULT_LINE}'`
const noPlan: Plan = { parts: null, timeoutMs: null, maxTurns: null, dryRun: false, verbose: false }
const goal = (name: string, text: string) => ({ name, goal: text, command: null, timeoutMs: null })
const command = (name: string, text: string, timeoutMs: number | null = null) => ({ name, goal: null, command: text, timeoutMs })

/** Has the tracker hand out its tasks with this plan. */
function planned(plan: Plan) {
  return (context: RunnerContext) => {
    const { tracker } = context
    context.random = () => 0
    context.agent = { ...context.agent, canResume: () => true }
    context.tracker = {
      ...tracker,
      look: async (...args) => {
        const task = await tracker.look(...args)
        return task && { ...task, plan }
      },
    }
  }
}
const read = (stage: RunnerStage, name: string) => readFileSync(join(stage.home, name), 'utf8')

test('the parts of a plan are done in their order, goals by one session of the agent and commands by a shell', async () => {
  const stage = await runnerStage(worker)
  const { id } = await stage.board.addTask(draft)
  const parts = [goal('write', 'Write it.'), command('check', 'echo "shell in $PWD" >> log.txt'), goal('polish', 'Polish it.')]
  const { exitCode, events } = await stage.run({ change: planned({ ...noPlan, parts }) })
  expect(exitCode).toBe(0)
  const log = stage.git('show', `feature/task-${id}:log.txt`).split('\n')
  expect(log).toEqual(['agent 0', expect.stringMatching(/^shell in .*\.worktrees\/task-/), 'agent 1'])
  const session = /--session-id (\S+)/.exec(read(stage, 'args-0'))![1]
  expect(read(stage, 'args-1')).toContain(`--resume ${session}`)
  expect(read(stage, 'prompt-0')).toContain('Write it.')
  expect(read(stage, 'prompt-1')).toContain('Polish it.')
  expect(read(stage, 'prompt-1')).not.toContain('Write it.')
  expect(events.flatMap(event => (event.type === 'part_finished' ? event.name : []))).toEqual(['write', 'check', 'polish'])
})

test('a command that fails ends the run, and what follows is not done', async () => {
  const stage = await runnerStage(worker)
  const { id } = await stage.board.addTask(draft)
  const parts = [command('check', 'echo broken; exit 3'), goal('write', 'Write it.')]
  expect((await stage.run({ change: planned({ ...noPlan, parts }) })).exitCode).toBe(10)
  const { status, notes } = await stage.board.showTask(id)
  expect(status).toBe('pending')
  expect(notes).toContain('exit code 3')
  expect(notes).toContain('broken')
  expect(existsSync(join(stage.home, 'start-0'))).toBe(false)
})

test('a command has a deadline of its own', async () => {
  const stage = await runnerStage(worker)
  await stage.board.addTask(draft)
  const { exitCode, events } = await stage.run({ change: planned({ ...noPlan, parts: [command('wait', 'sleep 300', 500)] }) })
  expect(exitCode).toBe(11)
  expect(processesOf(events)).toBe(0)
})

test('a run that was interrupted goes on with the part where it was', async () => {
  const stage = await runnerStage(worker)
  const { id } = await stage.board.addTask(draft)
  const parts = [goal('write', 'Write it.'), command('wait', 'while [ ! -e go ]; do sleep 0.02; done; echo went >> log.txt')]
  const stops = new Stops()
  const change = (context: RunnerContext) => {
    planned({ ...noPlan, parts })(context)
    const { emit } = context
    context.emit = (event, runId) => {
      emit(event, runId)
      if (event.type === 'attempt_started' && event.attempt === 2) stops.request() && stops.request()
    }
  }
  expect((await stage.run({ stops, change })).exitCode).toBe(12)
  writeFileSync(join(stage.repo, `.worktrees/task-${id}/go`), '')
  expect((await stage.run({ change: planned({ ...noPlan, parts }) })).exitCode).toBe(0)
  expect(stage.git('show', `feature/task-${id}:log.txt`).split('\n')).toEqual(['agent 0', 'went'])
})

test('limits of the plan reach the agent: turns, deadline, and that it only says what it would do', async () => {
  const stage = await runnerStage(worker)
  await stage.board.addTask(draft)
  const { events } = await stage.run({ change: planned({ parts: null, timeoutMs: 90_000, maxTurns: 7, dryRun: true, verbose: false }) })
  expect(read(stage, 'args-0')).toContain('--max-turns 7')
  expect(read(stage, 'args-0')).toContain('--permission-mode plan')
  expect(read(stage, 'args-0')).not.toContain('dangerously')
  expect(events.find(event => event.type === 'attempt_started')).toMatchObject({ deadlineMs: 90_000 })
})

test('a run that is to be told at length tells what the tools were called with and answered', async () => {
  const answer = { type: 'tool_result', tool_use_id: 't', content: `first\n${'x'.repeat(1_000)}` }
  const lines = [
    { type: 'assistant', message: { id: 'm', content: [{ type: 'tool_use', id: 't', name: 'Bash', input: { command: 'ls\npwd' } }] } },
    { type: 'user', message: { content: [answer] } },
  ]
  const stage = await runnerStage(
    `cat > /dev/null\n${lines.map(line => `printf '%s\\n' '${JSON.stringify(line)}'`).join('\n')}\necho '${RESULT_LINE}'`,
  )
  for (const verbose of [false, true]) {
    await stage.board.addTask(draft)
    const { events } = await stage.run({ change: planned({ ...noPlan, verbose }) })
    const used = events.find(event => event.type === 'tool_used')
    const result = events.find(event => event.type === 'tool_result')
    expect([used?.input, result?.text === answer.content]).toEqual(verbose ? [{ command: 'ls\npwd' }, true] : [undefined, false])
  }
})

test('in a dry run the commands of a plan are shown and not run', async () => {
  const stage = await runnerStage(worker)
  const { id } = await stage.board.addTask(draft)
  const parts = [command('deploy', 'touch "$HOME/deployed" deployed')]
  const { exitCode, events } = await stage.run({ change: planned({ ...noPlan, parts, dryRun: true }) })
  expect(exitCode).toBe(0)
  expect(events.flatMap(event => (event.type === 'agent_text' ? event.text : []))).toContain('touch "$HOME/deployed" deployed')
  expect(existsSync(join(stage.home, 'deployed'))).toBe(false)
  expect(stage.git('branch', '--list', `feature/task-${id}`)).toBe('')
})
