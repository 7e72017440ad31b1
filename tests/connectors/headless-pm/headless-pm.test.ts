import { describe, expect, test } from 'vitest'
import type { Tracker } from '../../../src/core/ports/tracker.ts'
import type { Task } from '../../../src/core/task.ts'
import { trackerKeepsItsPromises } from '../../contracts/tracker.ts'
import { waitFor } from '../../support/wait-for.ts'
import { agent, claimed, headlessPmFixture, never, once, opened, rejection, report, runId } from './headless-pm-fixture.ts'

trackerKeepsItsPromises('headless-pm', tasks => headlessPmFixture(tasks))
trackerKeepsItsPromises('headless-pm with a slow lock', tasks => headlessPmFixture(tasks, { lockRaceMs: 30 }))

const look = async (tracker: Awaited<ReturnType<typeof opened>>['tracker']) => (await tracker.look(agent, 0, never())) as Task

describe('the traps of Headless PM', () => {
  test('a lock that both of two agents were told they have belongs to the last one written', async () => {
    // Both check before either writes, and the second writes long after the first could have read back.
    const { tracker, fresh, pm, ids } = await opened({ lockRaceMs: agentId => (agentId === 'dev_1' ? 150 : 220) })
    const other = { ...agent, id: 'dev_2' }
    await tracker.register(other, never())
    const task = await look(tracker)
    const claims = await Promise.all([fresh().claim(agent, task, runId, never()), fresh().claim(other, task, 'run_2', never())])
    expect(pm.requests.filter(request => request.path.endsWith('/lock'))).toHaveLength(2)
    expect(claims).toEqual(['taken', 'ours'])
    expect(pm.board.task(Number(ids[0]))).toMatchObject({ locked_by: 'dev_2', status: 'under_work' })
  })

  test('marking under work leaves the notes alone', async () => {
    const { tracker, pm, ids } = await opened()
    pm.board.task(Number(ids[0])).notes = 'pm_1: mind the gap'
    await tracker.claim(agent, await look(tracker), runId, never())
    expect(pm.board.task(Number(ids[0])).notes).toBe('pm_1: mind the gap')
  })

  test('a claim whose lock answer was lost is completed by the next try', async () => {
    const { tracker, fresh, pm, ids } = await opened()
    const task = await look(tracker)
    once(pm, 'POST', '/lock', 'drop_after')
    expect((await rejection(tracker.claim(agent, task, runId, never()))).kind).toBe('retry')
    expect(await fresh().holding(agent, task, never())).toBe('free')
    expect(await fresh().claim(agent, task, runId, never())).toBe('ours')
    expect(pm.board.task(Number(ids[0]))).toMatchObject({ status: 'under_work', locked_by: 'dev_1' })
  })

  test('a claim whose under_work answer was lost is ours at the next try, without another write', async () => {
    const { tracker, pm } = await opened()
    const task = await look(tracker)
    once(pm, 'PUT', '/status', 'drop_after')
    expect((await rejection(tracker.claim(agent, task, runId, never()))).kind).toBe('retry')
    pm.requests.length = 0
    expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
    expect(pm.requests.filter(request => request.method !== 'GET')).toEqual([])
  })

  test('what somebody writes on a task while its expired lock is taken again stays beside the report', async () => {
    const { tracker, task, row, pm, expire } = await claimed()
    await expire(agent.id)
    pm.onRequest = request => {
      if (request.path.endsWith('/lock')) pm.board.comment(row.id, { comment: 'mind the gap' }, 'pm_1')
      return 'pass'
    }
    expect(await tracker.report(agent, task, report, never())).toBe('reported')
    expect(row.notes).toContain('pm_1: mind the gap')
    expect(row.notes?.split(runId)).toHaveLength(2)
  })

  test('a task that is given to another exactly between our look and our write is finished once, and the other’s words are in the change log', async () => {
    const { tracker, fresh, task, row, pm } = await claimed()
    const other = { ...agent, id: 'dev_2' }
    await fresh().register(other, never())
    let given = false
    pm.onRequest = request => {
      if (given || request.method !== 'PUT') return 'pass'
      given = true
      row.locked_by = other.id
      pm.board.setStatus(row.id, { status: 'under_work', notes: 'dev_2: it is mine now' }, other.id)
      return 'pass'
    }
    expect(await tracker.report(agent, task, report, never())).toBe('reported')
    expect(given).toBe(true)
    expect(row).toMatchObject({ status: 'dev_done', locked_by: null })
    expect(pm.board.changelog).toContainEqual(expect.objectContaining({ changed_by: 'dev_2', notes: 'dev_2: it is mine now' }))
    const notes = row.notes
    expect(await fresh().holding(other, task, never())).toBe('finished')
    expect(await fresh().report(other, task, { status: 'dev_done', note: 'Mine. run_2', runId: 'run_2' }, never())).toBe('lost')
    expect(await tracker.report(agent, task, report, never())).toBe('reported')
    expect(row).toMatchObject({ status: 'dev_done', notes, locked_by: null })
    expect(notes?.split(runId)).toHaveLength(2)
  })

  test('a task that is finished between our look and our lock is left finished and open', async () => {
    const { tracker, pm, ids } = await opened()
    const [task, row] = [await look(tracker), pm.board.task(Number(ids[0]))]
    pm.onRequest = request => {
      if (request.path.endsWith('/lock')) row.status = 'dev_done'
      return 'pass'
    }
    expect(await tracker.claim(agent, task, runId, never())).toBe('taken')
    expect(row).toMatchObject({ status: 'dev_done', locked_by: null })
  })

  test('a task that is finished just before a lock of which we never hear is left finished and open by the next try', async () => {
    const { tracker, pm, ids } = await opened()
    const [task, row] = [await look(tracker), pm.board.task(Number(ids[0]))]
    pm.onRequest = request => {
      if (!request.path.endsWith('/lock')) return 'pass'
      row.status = 'dev_done'
      return 'drop_after'
    }
    await expect(tracker.claim(agent, task, runId, never())).rejects.toMatchObject({ code: 'TRACKER_UNREACHABLE' })
    expect(row).toMatchObject({ status: 'dev_done', locked_by: 'dev_1' })
    expect(await tracker.claim(agent, task, runId, never())).toBe('taken')
    expect(row).toMatchObject({ status: 'dev_done', locked_by: null })
  })

  /** Somebody finishes the task before our lock, of which we never hear; then the runner dies between the two writes that open it again. */
  async function diedWhileOpening() {
    const { tracker, fresh, pm, ids } = await opened()
    const [task, row] = [await look(tracker), pm.board.task(Number(ids[0]))]
    pm.board.register({ agent_id: 'dev_2', role: 'backend_dev', level: 'senior' })
    once(pm, 'POST', '/lock', 'drop_after')
    const { onRequest } = pm
    pm.onRequest = request => {
      const fault = onRequest(request)
      if (fault !== 'pass') for (const status of ['under_work', 'dev_done']) pm.board.setStatus(row.id, { status }, 'dev_2')
      return fault
    }
    await rejection(tracker.claim(agent, task, runId, never()))
    let writes = 0
    pm.onRequest = ({ path }) => (path.endsWith('/status') && ++writes === 2 ? 'reset_before' : 'pass')
    await rejection(tracker.claim(agent, task, runId, never()))
    expect(row).toMatchObject({ status: 'under_work', locked_by: 'dev_1' })
    return { tracker, fresh, pm, task, row }
  }

  test.each<[string, string, (tracker: Tracker, task: Task) => Promise<string>]>([
    ['claimed', 'taken', (tracker, task) => tracker.claim(agent, task, runId, never())],
    ['looked after', 'finished', (tracker, task) => tracker.holding(agent, task, never())],
    ['given back', 'lost', (tracker, task) => tracker.giveBack(agent, task, report, never())],
  ])('a finished task whose lock was half opened again when we died is not ours when it is %s', async (_, answer, ask) => {
    const { tracker, fresh, pm, task, row } = await diedWhileOpening()
    expect(await ask(fresh(), task)).toBe(answer)
    expect(row).toMatchObject({ status: 'dev_done', locked_by: null, notes: null })
    // And when it is sent back, it can be taken as any other.
    pm.board.setStatus(row.id, { status: 'created' }, 'dev_2')
    expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
    expect(await fresh().holding(agent, task, never())).toBe('ours')
  })

  test('a finished task whose half-opened lock has expired meanwhile is not done again', async () => {
    const { tracker, pm, task, row } = await diedWhileOpening()
    pm.board.agent(agent.id).last_seen -= 31 * 60_000
    pm.board.freeStaleLocks()
    expect(row).toMatchObject({ status: 'under_work', locked_by: null })
    expect(await tracker.claim(agent, task, runId, never())).toBe('taken')
    expect(row).toMatchObject({ status: 'dev_done', locked_by: null })
  })

  test('a lock that is overwritten after we have read it back is not ours', async () => {
    const { tracker, pm, ids } = await opened()
    const [task, row] = [await look(tracker), pm.board.task(Number(ids[0]))]
    pm.onRequest = request => {
      if (request.path.endsWith('/status')) row.locked_by = 'dev_2'
      return 'pass'
    }
    expect(await tracker.claim(agent, task, runId, never())).toBe('taken')
    expect(row).toMatchObject({ status: 'under_work', locked_by: 'dev_2' })
  })

  test.each([
    ['backend_dev', 'created'],
    ['qa', 'dev_done'],
  ])('a task on record as under_work goes back to where %s begins', async (role, status) => {
    const { tracker, task, row } = await claimed()
    expect(await tracker.giveBack({ ...agent, role }, { ...task, status: 'under_work' }, report, never())).toBe('reported')
    expect(row).toMatchObject({ status, locked_by: null })
  })

  test('a run whose claim was cut off before under_work still opens its lock at the end', async () => {
    const { tracker, pm, ids } = await opened()
    const [task, row] = [await look(tracker), pm.board.task(Number(ids[0]))]
    row.locked_by = agent.id
    expect(await tracker.giveBack(agent, task, report, never())).toBe('reported')
    expect(row).toMatchObject({ status: 'created', locked_by: null })
  })

  test('a heartbeat refreshes last_seen, so the lock outlives half an hour', async () => {
    const { tracker, task, pm, row } = await claimed()
    for (let minutes = 0; minutes < 60; minutes += 20) {
      pm.board.clockOffsetMs += 20 * 60_000
      expect(await tracker.heartbeat(agent, task, never())).toBe('ours')
      pm.board.next('backend_dev', 'senior')
    }
    expect(row.locked_by).toBe('dev_1')
    pm.board.clockOffsetMs += 31 * 60_000
    pm.board.next('backend_dev', 'senior')
    expect(await tracker.heartbeat(agent, task, never())).toBe('free')
  })

  test('work that is done when its lock has expired is reported all the same, if nobody has taken it', async () => {
    const { tracker, task, row, expire } = await claimed()
    await expire('dev_1')
    expect(row).toMatchObject({ status: 'under_work', locked_by: null })
    expect(await tracker.report(agent, task, report, never())).toBe('reported')
    expect(row).toMatchObject({ status: 'dev_done', locked_by: null })
  })

  test('an agent that was deleted at the server is registered again', async () => {
    const { tracker, pm, ids } = await opened()
    const task = await look(tracker)
    pm.board.removeAgent('dev_1', 'pm_1')
    expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
    expect(pm.board.task(Number(ids[0])).locked_by).toBe('dev_1')
  })

  test('a report goes below the notes that are there, in one write without a comment', async () => {
    const { tracker, task, row, pm } = await claimed()
    pm.board.comment(row.id, { comment: 'please hurry' }, 'pm_1')
    await tracker.report(agent, task, report, never())
    expect(row.notes).toBe(`pm_1: please hurry\n\ndev_1: Did the work.\n\n${runId}`)
    expect(pm.requests.filter(request => request.method !== 'GET').map(request => request.method)).toEqual(['PUT'])
  })

  test('a note without the run id gets it, so that a repeated report is recognised', async () => {
    const { tracker, fresh, task, row } = await claimed()
    await tracker.report(agent, task, { ...report, note: 'short' }, never())
    expect(row.notes).toBe(`dev_1: short\n\n${runId}`)
    expect(await fresh().report(agent, task, { ...report, note: 'short' }, never())).toBe('reported')
  })

  test('a run id that merely begins like ours is not ours', async () => {
    const { tracker, task, row } = await claimed()
    row.notes = `dev_9: other work\n\n${runId}9`
    expect(await tracker.report(agent, task, report, never())).toBe('reported')
    expect(row).toMatchObject({ status: 'dev_done' })
  })

  test('a report is recognised in the change log when somebody has replaced the notes', async () => {
    const { tracker, task, row, pm } = await claimed()
    await tracker.report(agent, task, report, never())
    pm.board.setStatus(row.id, { status: 'committed', notes: 'merged' }, 'pm_1')
    expect(await tracker.report(agent, task, report, never())).toBe('reported')
    expect(row).toMatchObject({ status: 'committed', notes: 'merged' })
  })

  test('the text of a mention in a document is the document', async () => {
    const { tracker, pm } = await opened()
    pm.board.documents.push({ id: 77, author_id: 'pm_1', title: 'Plan', content: 'All hands, @dev_1 too.' })
    pm.board.mention('All hands, @dev_1 too.', 'pm_1', { document_id: 77 })
    expect(await tracker.mentions(agent, never())).toMatchObject([{ from: 'pm_1', text: 'All hands, @dev_1 too.', taskId: null }])
  })

  test('a mention whose comment is no longer in the notes names its task', async () => {
    const { tracker, pm, ids, mention } = await opened()
    await mention('dev_1', 'why?', ids[0]!)
    pm.board.task(Number(ids[0])).notes = 'replaced'
    expect((await tracker.mentions(agent, never()))[0]!.text).toBe('mentioned you on "one"')
  })

  test('waiting asks the server to wait and not again and again', async () => {
    const { tracker, pm } = await opened({}, [])
    pm.requests.length = 0
    expect(await tracker.look(agent, 1, never())).toBeNull()
    expect(pm.requests.map(({ path, query }) => ({ path, timeout: query.timeout }))).toEqual([{ path: '/api/v1/tasks/next', timeout: '1' }])
  })

  test('a wait may be longer than the time for other requests', async () => {
    const { client } = await opened({}, [])
    expect(await client({ requestTimeoutMs: 300 }).look(agent, 1, never())).toBeNull()
  })

  test('a long wait is cut into polls that follow each other at once', async () => {
    const { client, pm, add } = await opened({}, [])
    pm.requests.length = 0
    const began = performance.now()
    const looking = client({ longestPollSeconds: 1 }).look(agent, 20, never())
    await waitFor('the second poll', () => pm.requests.length === 2)
    await add({ title: 'late' })
    expect((await looking)?.title).toBe('late')
    expect(performance.now() - began).toBeLessThan(20_000)
  })
})

describe('older servers', () => {
  test('skill_level is spoken and understood', async () => {
    const { tracker, pm } = await opened({ skillLevel: true }, [{ title: 'one', seniority: 'senior' }])
    expect(pm.board.agent('dev_1')).toMatchObject({ role: 'backend_dev', level: 'senior' })
    const task = await look(tracker)
    expect(task.seniority).toBe('senior')
    expect(await tracker.claim(agent, task, runId, never())).toBe('ours')
    expect(await tracker.heartbeat(agent, task, never())).toBe('ours')
  })

  test('without pending a task is parked as evaluation, which nobody is handed', async () => {
    const { tracker, task, row, fresh } = await claimed({ pending: false })
    expect(await tracker.park(agent, task, report, never())).toBe('reported')
    expect(await fresh().park(agent, task, report, never())).toBe('reported')
    expect(row).toMatchObject({ status: 'evaluation', locked_by: null, notes: `dev_1: ${report.note}` })
    for (const role of ['backend_dev', 'qa', 'pm', 'architect'])
      expect(await tracker.look({ id: 'any', role, level: 'principal' }, 0, never())).toBeNull()
    expect(await tracker.holding(agent, task, never())).toBe('finished')
  })

  test('a made-up waiting task is no task, and the wait goes on', async () => {
    const { tracker, pm } = await opened({ waitingTask: true }, [])
    pm.requests.length = 0
    const began = performance.now()
    expect(await tracker.look(agent, 2, never())).toBeNull()
    expect(performance.now() - began).toBeGreaterThan(1_900)
    expect(pm.requests.length).toBeLessThan(4)
  })
})
