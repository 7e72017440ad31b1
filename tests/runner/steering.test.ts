import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { StampedEvent } from '../../src/core/event.ts'
import type { Wish } from '../../src/core/run.ts'
import type { RunnerContext } from '../../src/runner/context.ts'
import { Stops } from '../../src/runner/shutdown.ts'
import { RESULT_LINE } from '../support/agent-program.ts'
import { processesOf, type RunnerStage, runnerStage } from '../support/runner-stage.ts'
import { waitFor } from '../support/wait-for.ts'

const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: 'All of it.' } as const
const done = `echo '${RESULT_LINE}'`
/** Counts its starts, keeps its prompts, works until it is let go; its session can be resumed. */
const worker = `n=$(ls "$HOME" | grep -c '^start-'); touch "$HOME/start-$n"; echo "$@" > "$HOME/args-$n"; cat > "$HOME/prompt-$n"
while [ ! -e "$HOME/go" ]; do sleep 0.02; done; ${done}`

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

async function begun(options: { stops?: Stops } = {}) {
  const stage = await runnerStage(worker)
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
