import { expect, test } from 'vitest'
import { RESULT_LINE } from '../../support/agent-program.ts'
import { runnerStage } from '../../support/runner-stage.ts'

const draft = { title: 'Make it so', role: 'backend_dev', seniority: 'senior', complexity: 'major', description: '' } as const
const DENIED = RESULT_LINE.replace(
  '"usage"',
  '"permission_denials":[{"tool_name":"Write","tool_use_id":"t","tool_input":{"file_path":"a.txt"}}],"usage"',
)
const killed = (script: string) => `${script}; kill -9 $$`
const ANSWER =
  '{"type":"assistant","message":{"id":"m1","content":[{"type":"text","text":"hm"}],"usage":{"input_tokens":1000000,"output_tokens":100000}},"session_id":"s"}'

test('a task whose agent was denied all and did nothing is not done: it is parked, and the note names what was denied', async () => {
  const stage = await runnerStage(`echo '${DENIED}'`)
  const { id } = await stage.board.addTask(draft)
  expect((await stage.run()).exitCode).toBe(10)
  const { status, notes } = await stage.board.showTask(id)
  expect({ status, notes }).toEqual({
    status: 'pending',
    notes: expect.stringMatching(/Nothing was done: .*denied Write a\.txt.*permissionMode/s),
  })
})

test('one that was done although something was denied says so in its note', async () => {
  const stage = await runnerStage(`echo new > made.txt; echo '${DENIED}'`)
  const { id } = await stage.board.addTask(draft)
  expect((await stage.run()).exitCode).toBe(0)
  const { status, notes } = await stage.board.showTask(id)
  expect({ status, notes }).toEqual({ status: 'dev_done', notes: expect.stringContaining('denied Write a.txt') })
})

test('an agent that says nothing and does nothing is not done, however well it ends', async () => {
  const stage = await runnerStage(
    `echo '${RESULT_LINE.replace('"result":"done"', '"result":""').replace('"num_turns":1', '"num_turns":0')}'`,
  )
  const { id } = await stage.board.addTask(draft)
  expect((await stage.run({ change: context => (context.random = () => 0) })).exitCode).toBe(10)
  expect(await stage.board.showTask(id)).toMatchObject({
    status: 'pending',
    notes: expect.stringContaining('without a word and without a deed'),
  })
})

test('a result that is followed by a kill from outside is none, and the attempt is done again', async () => {
  const stage = await runnerStage(
    `if [ ! -e "$HOME/once" ]; then touch "$HOME/once"; ${killed(`echo '${RESULT_LINE}'`)}; fi; echo '${RESULT_LINE}'`,
  )
  await stage.board.addTask(draft)
  const { exitCode, events } = await stage.run()
  expect(exitCode).toBe(0)
  expect(events.flatMap(event => (event.type === 'attempt_ended' ? [event.end.reason] : []))).toEqual(['killed', 'completed'])
})

test('what an attempt cost that was cut off counts at least as its messages tell, and uses up the budget', async () => {
  const stage = await runnerStage(killed(`echo '${ANSWER}'`))
  const { id } = await stage.board.addTask({ ...draft, maxCostUsd: 1 })
  const { events } = await stage.run()
  const costs = events.flatMap(event => (event.type === 'attempt_ended' ? [event.end.costUsd] : []))
  // Without a known model it is reckoned as the cheapest: 0.55 each.
  expect(costs).toEqual([expect.closeTo(0.55), expect.closeTo(0.55)])
  const { status, notes } = await stage.board.showTask(id)
  expect({ status, notes }).toEqual({ status: 'pending', notes: expect.stringMatching(/budget is spent.*at least \$1\.10/s) })
})
