import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Board, openBoard, type TaskDraft } from '../../src/board/board.ts'
import { newRunId } from '../../src/core/ids.ts'
import type { AgentIdentity, Level } from '../../src/core/task.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const dev = (id = 'dev_1', level: Level = 'senior', role = 'backend_dev'): AgentIdentity => ({ id, role, level })
const qa: AgentIdentity = { id: 'qa_1', role: 'qa', level: 'junior' }

async function freshBoard(file = join(tempFolder(), 'agent-runner.db'), project?: string): Promise<Board> {
  const board = await openBoard(file, { project })
  onTestFinished(() => board.close())
  return board
}

const draft = (title: string, more: Partial<TaskDraft> = {}): TaskDraft => ({ title, role: 'backend_dev', ...more })

/** The titles in the order in which the queue hands them to one agent, each taken before the next look. */
async function queueOf(board: Board, agent: AgentIdentity): Promise<string[]> {
  const titles: string[] = []
  for (let task = await board.look(agent); task; task = await board.look(agent)) {
    expect(await board.claim(agent, task.id, newRunId())).toBe('ours')
    titles.push(task.title)
  }
  return titles
}

/** Claims and reports in one go. */
async function finish(board: Board, agent: AgentIdentity, id: string, status: string, runId = newRunId()) {
  expect(await board.claim(agent, id, runId)).toBe('ours')
  expect(await board.report(agent, id, { status, note: `Now ${status}.`, runId })).toBe('reported')
}

describe('the queue', () => {
  test('higher priority goes first, then what is older', async () => {
    const board = await freshBoard()
    for (const [title, priority] of [
      ['normal', 0],
      ['low', -1],
      ['high', 5],
      ['high, later', 5],
      ['normal, later', 0],
    ] as const)
      await board.addTask(draft(title, { priority }))
    expect(await queueOf(board, dev())).toEqual(['high', 'high, later', 'normal', 'normal, later', 'low'])
  })

  test.each([
    ['junior', ['junior']],
    ['senior', ['junior', 'senior']],
    ['principal', ['junior', 'senior', 'principal']],
  ] as const)('a %s developer gets %j', async (level, titles) => {
    const board = await freshBoard()
    for (const seniority of ['junior', 'senior', 'principal'] as const) await board.addTask(draft(seniority, { seniority }))
    expect(await queueOf(board, dev('dev_1', level))).toEqual(titles)
  })

  test('parked, cancelled and finished tasks are handed to nobody', async () => {
    const board = await freshBoard()
    for (const status of ['pending', 'cancelled', 'qa_done', 'documentation_done', 'committed'] as const)
      await board.addTask(draft(status, { status }))
    expect(await board.look(dev('dev_1', 'principal'))).toBeNull()
    expect(await board.look(qa)).toBeNull()
  })

  test('a claim is held to the rules of the queue, also without a look', async () => {
    const board = await freshBoard()
    const first = await board.addTask(draft('hard', { seniority: 'principal' }))
    const second = await board.addTask(draft('later', { dependsOn: [first.id] }))
    expect(await board.claim(dev('dev_1', 'senior'), first.id, newRunId())).toBe('taken')
    expect(await board.claim(dev('dev_1', 'principal', 'frontend_dev'), first.id, newRunId())).toBe('taken')
    expect(await board.claim(dev(), second.id, newRunId())).toBe('taken')
    expect(await board.claim(qa, first.id, newRunId())).toBe('taken')
    expect((await board.listTasks()).map(task => task.status)).toEqual(['created', 'created'])
  })

  test('each project has its own queue in the same file', async () => {
    const file = join(tempFolder(), 'agent-runner.db')
    const [one, other] = [await freshBoard(file, '/repos/one'), await freshBoard(file, '/repos/other')]
    const { id } = await one.addTask(draft('mine'))
    expect(await other.look(dev())).toBeNull()
    expect(await other.listTasks()).toEqual([])
    expect((await one.look(dev()))?.id).toBe(id)
    expect((await other.showTask(id)).project).toBe('/repos/one')
  })

  test('a task for QA alone waits for QA from the start', async () => {
    const board = await freshBoard()
    const check = await board.addTask(draft('check the docs', { role: 'qa' }))
    const after = await board.addTask(draft('after the check', { dependsOn: [check.id] }))
    expect(await board.look(dev())).toBeNull()
    await finish(board, qa, check.id, 'qa_done')
    expect((await board.look(dev()))?.id).toBe(after.id)
  })
})

describe('dependencies', () => {
  test('a task is handed out once all that it needs is dev_done, and stays so while QA looks at them', async () => {
    const board = await freshBoard()
    const needs = [await board.addTask(draft('one')), await board.addTask(draft('two'))]
    const last = await board.addTask(draft('last', { priority: 9, dependsOn: needs.map(task => task.id) }))
    expect(last.blockedBy).toEqual(needs.map(task => task.id))
    await finish(board, dev(), needs[0]!.id, 'dev_done')
    expect((await board.look(dev()))?.title).toBe('two')
    expect((await board.showTask(last.id)).blockedBy).toEqual([needs[1]!.id])
    await finish(board, dev(), needs[1]!.id, 'dev_done')
    expect((await board.look(dev()))?.title).toBe('last')
    expect(await board.claim(qa, needs[0]!.id, newRunId())).toBe('ours')
    expect((await board.look(dev()))?.title).toBe('last')
    expect((await board.showTask(last.id)).blockedBy).toEqual([])
  })

  test('what QA sent back, or what was parked or cancelled, stands in the way again', async () => {
    const board = await freshBoard()
    const need = await board.addTask(draft('need', { role: 'frontend_dev' }))
    await board.addTask(draft('last', { dependsOn: [need.id] }))
    for (const status of ['dev_done', 'created', 'qa_done', 'pending', 'committed', 'cancelled']) {
      await board.moveTask(need.id, status)
      expect((await board.look(dev()))?.title, status).toBe(['dev_done', 'qa_done', 'committed'].includes(status) ? 'last' : undefined)
    }
  })
})

describe('a claim', () => {
  test('the counter grows with each claim, and repeating one is not another', async () => {
    const board = await freshBoard()
    const { id, epoch } = await board.addTask(draft('one'))
    expect(epoch).toBe(0)
    const [first, second] = [newRunId(), newRunId()]
    await board.claim(dev(), id, first)
    await board.claim(dev(), id, first)
    expect(await board.showTask(id)).toMatchObject({ epoch: 1, runId: first, lockedBy: 'dev_1' })
    await board.giveBack(dev(), id, { note: 'not now', runId: first })
    await board.claim(dev('dev_2'), id, second)
    expect(await board.showTask(id)).toMatchObject({ epoch: 2, runId: second, lockedBy: 'dev_2' })
  })

  test('a new run of the same agent takes over, and the old one can change nothing more', async () => {
    const board = await freshBoard()
    const { id } = await board.addTask(draft('one'))
    const [old, now] = [newRunId(), newRunId()]
    await board.claim(dev(), id, old)
    expect(await board.claim(dev(), id, now)).toBe('ours')
    for (const end of [board.giveBack, board.park]) expect(await end(dev(), id, { note: 'late', runId: old })).toBe('lost')
    expect(await board.report(dev(), id, { status: 'dev_done', note: 'late', runId: old })).toBe('lost')
    expect(await board.showTask(id)).toMatchObject({ status: 'under_work', notes: '', epoch: 2 })
    expect(await board.report(dev(), id, { status: 'dev_done', note: 'done', runId: now })).toBe('reported')
  })

  test('a run that the board never saw may report for the agent that holds the task', async () => {
    const board = await freshBoard()
    const { id } = await board.addTask(draft('one'))
    await board.claim(dev(), id, newRunId())
    expect(await board.report(dev(), id, { status: 'dev_done', note: 'adopted', runId: newRunId() })).toBe('reported')
  })

  test('a report in a status that no task can end in is refused and changes nothing', async () => {
    const board = await freshBoard()
    const { id } = await board.addTask(draft('one'))
    const runId = newRunId()
    await board.claim(dev(), id, runId)
    const before = await board.showTask(id)
    for (const status of ['done', 'under_work', ''])
      await expect(board.report(dev(), id, { status, note: '', runId })).rejects.toMatchObject({ code: 'TRACKER_REFUSED' })
    expect(await board.showTask(id)).toEqual(before)
  })

  test('agents are known with role, level and when they were seen last', async () => {
    const board = await freshBoard()
    const { id } = await board.addTask(draft('one'))
    await board.register(dev('dev_1', 'junior'))
    await board.claim(dev('dev_1', 'senior'), id, newRunId())
    const [agent] = await board.agents()
    expect(agent).toMatchObject({ id: 'dev_1', role: 'backend_dev', level: 'senior' })
    await waitFor('the clock to go on', () => new Date().toISOString() > agent!.lastSeen)
    expect(await board.heartbeat(dev(), id)).toBe('ours')
    const [later] = await board.agents()
    expect(later!.lastSeen > agent!.lastSeen).toBe(true)
    expect(later!.registeredAt).toBe(agent!.registeredAt)
  })
})

describe('by hand', () => {
  test('cancelling a running task tells its agent at the next heartbeat, and its report is lost', async () => {
    const board = await freshBoard()
    const { id } = await board.addTask(draft('one'))
    const runId = newRunId()
    await board.claim(dev(), id, runId)
    expect((await board.cancelTask(id)).status).toBe('cancelled')
    expect(await board.heartbeat(dev(), id)).toBe('finished')
    expect(await board.report(dev(), id, { status: 'dev_done', note: 'done', runId })).toBe('lost')
    const once = await board.showTask(id)
    expect(await board.cancelTask(id)).toMatchObject({ status: 'cancelled', lockedBy: null })
    expect(await board.showTask(id)).toEqual(once)
  })

  test('a parked or cancelled task goes back into the queue, others do not', async () => {
    const board = await freshBoard()
    const [parked, check, running, done] = [
      await board.addTask(draft('parked', { status: 'pending' })),
      await board.addTask(draft('check', { role: 'qa', status: 'pending' })),
      await board.addTask(draft('running')),
      await board.addTask(draft('done', { status: 'qa_done' })),
    ]
    expect((await board.requeueTask(parked.id)).status).toBe('created')
    expect((await board.requeueTask(parked.id)).status).toBe('created')
    expect((await board.requeueTask(check.id)).status).toBe('dev_done')
    await board.claim(dev(), running.id, newRunId())
    await expect(board.requeueTask(running.id)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('by dev_1') })
    await expect(board.requeueTask(done.id)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('qa_done') })
    await expect(board.cancelTask(done.id)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('qa_done') })
    await board.cancelTask(running.id)
    expect((await board.requeueTask(running.id)).status).toBe('created')
  })

  test('nobody moves a task under work but an agent', async () => {
    const board = await freshBoard()
    const { id } = await board.addTask(draft('one'))
    for (const status of ['under_work', 'nonsense'])
      await expect(board.moveTask(id, status)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(status) })
  })

  test('lists are newest first and can be narrowed', async () => {
    const board = await freshBoard()
    await board.addTask(draft('old'))
    await board.addTask(draft('parked', { status: 'pending' }))
    await board.addTask(draft('new', { role: 'frontend_dev' }))
    const titles = async (filter?: Parameters<Board['listTasks']>[0]) => (await board.listTasks(filter)).map(task => task.title)
    expect(await titles()).toEqual(['new', 'parked', 'old'])
    expect(await titles({ status: 'created' })).toEqual(['new', 'old'])
    expect(await titles({ role: 'backend_dev', status: 'created' })).toEqual(['old'])
    expect(await titles({ limit: 1 })).toEqual(['new'])
    expect(await titles({ status: 'under_work' })).toEqual([])
    await expect(board.listTasks({ status: 'running' })).rejects.toMatchObject({ code: 'USAGE' })
  })

  test('a note speaks to everyone whom it names, once, and to no e-mail address', async () => {
    const board = await freshBoard()
    const { id } = await board.addTask(draft('one'))
    await board.addNote(id, 'Ask @dev_1, or (@dev.2). Then @dev_1 again; mail me@dev_3.example @', 'pm_1')
    expect(await board.mentions(dev('dev_1'))).toMatchObject([{ from: 'pm_1', taskId: id }])
    expect(await board.mentions(dev('dev.2'))).toHaveLength(1)
    expect(await board.mentions(dev('dev_3.example'))).toEqual([])
    const [mention] = await board.mentions(dev('dev_1'))
    await board.markRead(dev('dev.2'), [mention!.id])
    expect(await board.mentions(dev('dev_1')), 'another agent cannot mark it read').toHaveLength(1)
    expect((await board.showTask(id)).notes).toMatch(/^pm_1: Ask @dev_1/)
  })
})

test('the history tells all that happened, in order, and is complete after each change', async () => {
  const board = await freshBoard()
  const { id } = await board.addTask(draft('one'), 'pm_1')
  const [first, second, third] = [newRunId(), newRunId(), newRunId()]
  await board.claim(dev(), id, first)
  await board.giveBack(dev(), id, { note: 'later', runId: first })
  await finish(board, dev('dev_2'), id, 'dev_done', second)
  await board.addNote(id, 'looks good', 'pm_1')
  await board.claim(qa, id, third)
  await board.park(qa, id, { note: 'unclear', runId: third })
  await board.requeueTask(id, 'pm_1')
  await board.cancelTask(id)
  const { history, notes } = await board.showTask(id)
  expect(history.map(({ kind, who, from, to, note, runId, epoch }) => [kind, who, from, to, note, runId, epoch])).toEqual([
    ['added', 'pm_1', null, 'created', null, null, 0],
    ['claimed', 'dev_1', 'created', 'under_work', null, first, 1],
    ['given_back', 'dev_1', 'under_work', 'created', 'later', first, 1],
    ['claimed', 'dev_2', 'created', 'under_work', null, second, 2],
    ['reported', 'dev_2', 'under_work', 'dev_done', 'Now dev_done.', second, 2],
    ['note', 'pm_1', 'dev_done', 'dev_done', 'looks good', null, 2],
    ['claimed', 'qa_1', 'dev_done', 'under_work', null, third, 3],
    ['parked', 'qa_1', 'under_work', 'pending', 'unclear', third, 3],
    ['moved', 'pm_1', 'pending', 'created', null, null, 3],
    ['moved', 'user', 'created', 'cancelled', null, null, 3],
  ])
  expect(history.every((line, i) => i === 0 || line.at >= history[i - 1]!.at)).toBe(true)
  expect(notes).toBe('dev_1: later\n\ndev_2: Now dev_done.\n\npm_1: looks good\n\nqa_1: unclear')
})

describe('bad input', () => {
  test.each<[string, Partial<TaskDraft>, string]>([
    ['an empty title', { title: '  ' }, 'title: must not be empty'],
    ['a title of two lines', { title: 'a\nb' }, 'title: must be one line'],
    ['a role that is no word', { role: '../qa' }, 'role: must be a word'],
    ['a level that there is not', { seniority: 'expert' as 'junior' }, 'seniority: '],
    ['a budget of nothing', { maxCostUsd: 0 }, 'maxCostUsd: must be more than 0'],
    ['half a priority', { priority: 0.5 }, 'priority: '],
    ['an empty criterion', { criteria: [''] }, 'criteria.0: must not be empty'],
    ['a task that is under work already', { status: 'under_work' }, 'status: cannot be under_work'],
  ])('%s is refused with one clear line', async (_, wrong, line) => {
    const board = await freshBoard()
    const adding = board.addTask({ ...draft('one'), ...wrong })
    await expect(adding).rejects.toMatchObject({ code: 'USAGE', exitCode: 2, message: expect.stringContaining(line) })
    await expect(adding).rejects.toMatchObject({ message: expect.not.stringContaining('\n') })
    expect(await board.listTasks()).toEqual([])
  })

  test('a task cannot depend on one that is unknown or cancelled, and nothing is added', async () => {
    const board = await freshBoard()
    const cancelled = await board.addTask(draft('cancelled', { status: 'cancelled' }))
    await expect(board.addTask(draft('two', { dependsOn: ['tsk_none'] }))).rejects.toMatchObject({
      code: 'TASK_UNKNOWN',
      message: 'there is no task "tsk_none" on this board',
    })
    await expect(board.addTask(draft('two', { dependsOn: [cancelled.id] }))).rejects.toMatchObject({ code: 'USAGE' })
    expect(await board.listTasks()).toHaveLength(1)
  })

  test('an id that is cut short or unknown is unknown everywhere', async () => {
    const board = await freshBoard()
    const { id } = await board.addTask(draft('one'))
    const short = id.slice(0, -1)
    for (const call of [board.showTask, board.cancelTask, board.requeueTask])
      await expect(call(short)).rejects.toMatchObject({ code: 'TASK_UNKNOWN', exitCode: 2 })
    await expect(board.addNote(short, 'hello')).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
    await expect(board.moveTask(short, 'created')).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
  })
})
