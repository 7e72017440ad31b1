import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { StampedEvent } from '../../../src/core/event.ts'
import type { Wish } from '../../../src/core/run.ts'
import type { RunnerContext } from '../../../src/runner/context.ts'
import { Stops } from '../../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../../support/agent-program.ts'
import { processesOf, type RunnerStage, runnerStage } from '../../support/runner-stage.ts'
import { waitFor } from '../../support/wait-for.ts'

const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: 'All of it.' } as const
const done = `echo '${RESULT_LINE}'`
/** Counts its starts, keeps its prompts, works until it is let go; its session can be resumed. */
const worker = `n=$(ls "$HOME" | grep -c '^start-'); touch "$HOME/start-$n"; echo "$@" > "$HOME/args-$n"; cat > "$HOME/prompt-$n"
while [ ! -e "$HOME/go" ]; do sleep 0.02; done; ${done}`

/** Meets a usage limit of an hour. */
const limited = `cat > "$HOME/prompt-$(ls "$HOME" | grep -c '^prompt-')"
echo '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","rateLimitType":"five_hour","resetsAt":'$(($(date +%s) + 3600))'}}'
echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"limit","session_id":"s","total_cost_usd":0,"num_turns":1,"duration_ms":1,"usage":{"input_tokens":0,"output_tokens":0}}'
exit 1`

/** A tracker that wishes what a test puts into the list, as a control plane does. */
function steered(wishes: Wish[], stopped: string[] = []) {
  return (context: RunnerContext) => {
    context.agent = { ...context.agent, canResume: () => true }
    context.tracker = {
      ...context.tracker,
      steering: {
        async wanted(_agent, _task, _run, known, _wait, signal) {
          for (;;) {
            signal.throwIfAborted()
            const fresh = wishes.filter(wish => !known.includes(wish.id))
            if (fresh.length > 0) return fresh
            await delay(10, undefined, { signal })
          }
        },
        async stopped(_agent, _task, report) {
          stopped.push(report.note)
          return 'reported'
        },
      },
    }
  }
}

const wish = (id: string, kind: Wish['kind'], text = '', mode: Wish['mode'] = 'now'): Wish => ({ id, kind, text, mode })
const file = (stage: RunnerStage, name: string) => {
  try {
    return readFileSync(join(stage.home, name), 'utf8')
  } catch {
    return null
  }
}

async function begun({ script = worker, env, ...options }: { stops?: Stops; script?: string; env?: Record<string, string> } = {}) {
  const stage = await runnerStage(script, { env })
  const { id } = await stage.board.addTask(draft)
  const wishes: Wish[] = []
  const stopped: string[] = []
  const running = stage.run({ change: steered(wishes, stopped), ...options })
  await waitFor('the agent at work', () => file(stage, 'prompt-0'))
  return { stage, id, wishes, stopped, running, letGo: () => writeFileSync(join(stage.home, 'go'), '') }
}

test('a pause ends the agent and keeps session and workspace; a resume continues the same session', async () => {
  const { stage, id, wishes, running, letGo } = await begun()
  wishes.push(wish('w1', 'pause'))
  await waitFor('paused', () => timeline(stage).some(event => event.type === 'run_paused'))
  expect(processesOf(timeline(stage))).toBe(0)
  wishes.push(wish('w2', 'resume'))
  await waitFor('resumed', () => file(stage, 'prompt-1'))
  letGo()
  expect((await running).exitCode).toBe(0)
  const session = /--session-id (\S+)/.exec(file(stage, 'args-0')!)![1]!
  expect(file(stage, 'args-1')).toContain(`--resume ${session}`)
  expect(await stage.board.showTask(id)).toMatchObject({ status: 'dev_done' })
})

test('a directive interrupts the agent and reaches its session once', async () => {
  const { stage, wishes, running, letGo } = await begun()
  wishes.push(wish('w1', 'directive', 'Use tabs, please.'))
  await waitFor('delivered', () => file(stage, 'prompt-1')?.includes('Use tabs, please.'))
  letGo()
  const { exitCode, events } = await running
  expect(exitCode).toBe(0)
  const delivered = events.flatMap(event => (event.type === 'attempt_started' ? event.directives : []))
  expect(delivered).toEqual(['w1'])
})

test('a directive for the end of the turn waits for it, and the agent is not interrupted', async () => {
  const { stage, wishes, running, letGo } = await begun()
  wishes.push(wish('w1', 'directive', 'And a changelog.', 'turn_end'))
  await waitFor('taken', () => file(stage, 'locks/agent-dev_001.lock')?.includes('And a changelog.'))
  letGo()
  const { exitCode, events } = await running
  expect(exitCode).toBe(0)
  expect(events.flatMap(event => (event.type === 'attempt_ended' ? event.end.reason : []))).toEqual(['completed', 'completed'])
  expect(file(stage, 'prompt-1')).toContain('And a changelog.')
})

test('a stop ends the run for good, tells the tracker, and keeps the work', async () => {
  const { stage, wishes, stopped, running, id } = await begun()
  writeFileSync(join(stage.repo, `.worktrees/task-${id}/half.txt`), 'half')
  wishes.push(wish('w1', 'stop'))
  expect((await running).exitCode).toBe(12)
  expect(stopped).toHaveLength(1)
  expect(readFileSync(join(stage.repo, `.worktrees/task-${id}/half.txt`), 'utf8')).toBe('half')
})

test('a stop before anything was done leaves neither worktree nor branch', async () => {
  const { stage, wishes, running, id } = await begun()
  wishes.push(wish('w1', 'stop'))
  expect((await running).exitCode).toBe(12)
  expect(stage.git('worktree', 'list').split('\n')).toHaveLength(1)
  expect(stage.git('branch', '--list', `*${id}*`)).toBe('')
})

describe('an agent that ignores TERM', () => {
  /** Nobody waits for this grace, or the test hangs. */
  const deaf = () => begun({ script: `trap '' TERM\n${worker}`, env: { HEADLESS_PM_KILL_GRACE: '3600', HEADLESS_PM_WISH_GRACE: '0.5' } })

  test('is paused soon, and resumed in its session', async () => {
    const { stage, wishes, running, letGo } = await deaf()
    wishes.push(wish('w1', 'pause'))
    await waitFor('paused', () => timeline(stage).some(event => event.type === 'run_paused'))
    expect(processesOf(timeline(stage))).toBe(0)
    wishes.push(wish('w2', 'resume'))
    await waitFor('resumed', () => file(stage, 'prompt-1'))
    letGo()
    expect((await running).exitCode).toBe(0)
  })

  test('is stopped soon, with what it wrote kept', async () => {
    const { stage, wishes, stopped, running, id } = await deaf()
    writeFileSync(join(stage.repo, `.worktrees/task-${id}/half.txt`), 'half')
    wishes.push(wish('w1', 'stop'))
    await waitFor('stopped', () => stopped.length > 0)
    expect((await running).exitCode).toBe(12)
    expect(readFileSync(join(stage.repo, `.worktrees/task-${id}/half.txt`), 'utf8')).toBe('half')
  })

  test('hears a directive soon', async () => {
    const { stage, wishes, running, letGo } = await deaf()
    wishes.push(wish('w1', 'directive', 'Use tabs, please.'))
    await waitFor('delivered', () => file(stage, 'prompt-1')?.includes('Use tabs, please.'))
    letGo()
    expect((await running).exitCode).toBe(0)
  })
})

test('a wait for a usage limit is ended by a pause and by a stop, and by no directive', async () => {
  const stage = await runnerStage(limited)
  await stage.board.addTask(draft)
  const wishes: Wish[] = []
  const stopped: string[] = []
  const running = stage.run({ change: steered(wishes, stopped) })
  const seen = (type: StampedEvent['type']) => timeline(stage).filter(event => event.type === type).length
  await waitFor('the wait', () => seen('waiting') === 1)
  wishes.push(wish('w1', 'directive', 'Use tabs, please.'))
  await waitFor('taken', () => file(stage, 'locks/agent-dev_001.lock')?.includes('Use tabs'))
  expect(seen('attempt_started')).toBe(1)
  wishes.push(wish('w2', 'pause'))
  await waitFor('paused', () => seen('run_paused') === 1)
  wishes.push(wish('w3', 'resume'))
  await waitFor('it waits again', () => seen('waiting') === 2)
  wishes.push(wish('w4', 'stop'))
  expect((await running).exitCode).toBe(12)
  expect(stopped).toHaveLength(1)
  expect(file(stage, 'prompt-1')).toBeNull()
})

test('a pause survives the runner: the next one stays paused, and resumes when it is asked to', async () => {
  const stops = new Stops()
  const { stage, wishes, running, letGo } = await begun({ stops })
  wishes.push(wish('w1', 'pause'))
  await waitFor('paused', () => timeline(stage).some(event => event.type === 'run_paused'))
  stops.request()
  expect((await running).exitCode).toBe(12)
  const later = stage.run({ change: steered(wishes) })
  await waitFor('still paused', () => timeline(stage).filter(event => event.type === 'run_paused').length === 2)
  expect(file(stage, 'prompt-1')).toBeNull()
  wishes.push(wish('w2', 'resume'))
  await waitFor('resumed', () => file(stage, 'prompt-1'))
  letGo()
  expect((await later).exitCode).toBe(0)
})

test('a directive that was taken before the runner left is delivered by the next one, once', async () => {
  const stops = new Stops()
  const { stage, wishes, running, letGo } = await begun({ stops })
  wishes.push(wish('w1', 'directive', 'Mind the gap.', 'turn_end'))
  await waitFor('taken', () => file(stage, 'locks/agent-dev_001.lock')?.includes('Mind the gap.'))
  stops.detach()
  await running
  letGo()
  const { exitCode, events } = await stage.run({ change: steered(wishes) })
  expect(exitCode).toBe(0)
  expect(events.flatMap(event => (event.type === 'attempt_started' ? event.directives : []))).toEqual(['w1'])
  expect(file(stage, 'prompt-1')).toContain('Mind the gap.')
})

function timeline(stage: RunnerStage): StampedEvent[] {
  const lock = file(stage, 'locks/agent-dev_001.lock')
  const run = lock && JSON.parse(lock).run_id
  const text = run && file(stage, `runs/${run}/events.jsonl`)
  return text
    ? text
        .trim()
        .split('\n')
        .map((line: string) => JSON.parse(line))
    : []
}

describe('before an agent has begun', () => {
  /** A pre_task hook that says that it works, works until it is let go, and does not listen to TERM. */
  const hook = (home: string) => `#!/bin/sh\ntrap '' TERM\necho $$ >> ${home}/hook\nwhile [ ! -e ${home}/hook-go ]; do sleep 0.02; done\n`

  async function preparing(stops?: Stops) {
    const stage = await runnerStage(worker, { env: { HEADLESS_PM_KILL_GRACE: '3600', HEADLESS_PM_WISH_GRACE: '0.5' } })
    mkdirSync(join(stage.home, 'hooks'), { recursive: true })
    writeFileSync(join(stage.home, 'hooks/pre_task.sh'), hook(stage.home), { mode: 0o755 })
    const { id } = await stage.board.addTask(draft)
    const wishes: Wish[] = []
    const stopped: string[] = []
    const change = steered(wishes, stopped)
    const running = stage.run({ change, stops })
    await waitFor('the hook at work', () => file(stage, 'hook'))
    const seen = (type: StampedEvent['type']) => timeline(stage).filter(event => event.type === type).length
    const hookGoes = () => writeFileSync(join(stage.home, 'hook-go'), '')
    return { stage, id, wishes, stopped, running, seen, hookGoes, change, letGo: () => writeFileSync(join(stage.home, 'go'), '') }
  }

  test('a stop ends the hook and the run soon, and no agent starts', async () => {
    const { stage, wishes, stopped, running } = await preparing()
    wishes.push(wish('w1', 'stop'))
    await waitFor('stopped', () => stopped.length > 0)
    const { exitCode, events } = await running
    expect(exitCode).toBe(12)
    expect(processesOf(events)).toBe(0)
    expect(events.filter(event => event.type === 'attempt_started')).toEqual([])
    expect(events.filter(event => event.type === 'workspace_ready')).toEqual([])
    expect(stage.git('worktree', 'list').split('\n')).toHaveLength(1)
  })

  test('a stop cuts short a git that makes the worktree, and leaves nothing half made', async () => {
    const stage = await runnerStage(worker)
    const gitHook = join(stage.repo, '.git/hooks/post-checkout')
    mkdirSync(join(stage.repo, '.git/hooks'), { recursive: true })
    writeFileSync(gitHook, `#!/bin/sh\necho > ${stage.home}/checked-out\nsleep 3600\n`, { mode: 0o755 })
    await stage.board.addTask(draft)
    const wishes: Wish[] = []
    const stopped: string[] = []
    const running = stage.run({ change: steered(wishes, stopped) })
    await waitFor('the hook of git at work', () => file(stage, 'checked-out'))
    wishes.push(wish('w1', 'stop'))
    await waitFor('stopped', () => stopped.length > 0)
    const { exitCode, events } = await running
    expect(exitCode).toBe(12)
    expect(processesOf(events)).toBe(0)
    expect(events.filter(event => event.type === 'attempt_started')).toEqual([])
    expect(stage.git('status', '--porcelain')).toBe('')
    expect(stage.git('worktree', 'list')).not.toMatch(/prunable|locked/)
  })

  test('a pause is told soon, and the agent begins when the run is resumed', async () => {
    const { stage, wishes, running, seen, hookGoes, letGo } = await preparing()
    wishes.push(wish('w1', 'pause'))
    await waitFor('paused', () => seen('run_paused') === 1)
    hookGoes()
    await waitFor('made ready', () => timeline(stage).some(event => event.type === 'step_started' && event.step === 'agent'))
    expect([seen('attempt_started'), seen('run_resumed')]).toEqual([0, 0])
    wishes.push(wish('w2', 'resume'))
    await waitFor('begun', () => file(stage, 'prompt-0'))
    expect([seen('run_paused'), seen('run_resumed')]).toEqual([1, 1])
    letGo()
    expect((await running).exitCode).toBe(0)
  })

  test('a pause that is taken back meanwhile leaves no trace but its lines', async () => {
    const { stage, wishes, running, seen, hookGoes, letGo } = await preparing()
    wishes.push(wish('w1', 'pause'))
    await waitFor('paused', () => seen('run_paused') === 1)
    wishes.push(wish('w2', 'resume'))
    await waitFor('resumed', () => seen('run_resumed') === 1)
    hookGoes()
    await waitFor('begun', () => file(stage, 'prompt-0'))
    letGo()
    expect((await running).exitCode).toBe(0)
  })

  test('a directive is in the first prompt, once', async () => {
    const { stage, wishes, running, hookGoes, letGo } = await preparing()
    wishes.push(wish('w1', 'directive', 'Use tabs, please.'))
    await waitFor('taken', () => file(stage, 'locks/agent-dev_001.lock')?.includes('Use tabs'))
    hookGoes()
    await waitFor('begun', () => file(stage, 'prompt-0')?.includes('Use tabs, please.'))
    letGo()
    const { exitCode, events } = await running
    expect(exitCode).toBe(0)
    expect(events.flatMap(event => (event.type === 'attempt_started' ? event.directives : []))).toEqual(['w1'])
  })

  test('a stop that was taken when the runner left is done by the next one, without the hook', async () => {
    const stops = new Stops()
    const { stage, stopped, running, change, wishes, hookGoes } = await preparing(stops)
    stops.request()
    stops.request()
    hookGoes()
    await running
    const lock = JSON.parse(file(stage, 'locks/agent-dev_001.lock')!)
    const calls = file(stage, 'hook')
    writeFileSync(join(stage.home, 'locks/agent-dev_001.lock'), JSON.stringify({ ...lock, wishes: [wish('w1', 'stop')] }))
    wishes.push(wish('w1', 'stop'))
    expect((await stage.run({ change })).exitCode).toBe(12)
    expect(stopped).toHaveLength(1)
    expect(file(stage, 'hook')).toBe(calls)
  })
})
