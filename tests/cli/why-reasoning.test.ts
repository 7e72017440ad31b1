import { expect, test } from 'vitest'
import { whatYouCanDo } from '../../src/cli/why/advice.ts'
import type { Facts } from '../../src/cli/why/facts.ts'
import { whatHappened } from '../../src/cli/why/happened.ts'
import { whatNext } from '../../src/cli/why/next.ts'
import { whatIsTrue } from '../../src/cli/why/now.ts'
import { standing } from '../../src/cli/why/standing.ts'
import { toPolicy } from '../../src/config/policy.ts'
import { KEYS, setting, type Values } from '../../src/config/schema.ts'
import { ENDS, type EndReason, end } from '../../src/core/ends.ts'
import type { Holding } from '../../src/core/ports/tracker.ts'
import { type AttemptRecord, type RunRecord, STEPS, type StepName } from '../../src/core/run.ts'
import { attemptEnd, runRecord, stamped } from '../support/events.ts'

const NOW = Date.parse('2026-07-06T12:00:00Z')
const POLICY = toPolicy({ values: Object.fromEntries(KEYS.map(key => [key, setting(key).default])) as Values }, '')
const RUNNER = {
  process: { bootId: 'b', pid: 4711, start: '1' },
  host: 'h',
  since: '2026-07-06T11:00:00Z',
  role: 'qa',
  repo: '/r',
  command: '',
}
const ALIVE = { state: 'alive', supervisor: null } as const
const EXITED = {
  state: 'exited',
  exit: { version: 1, code: 0, signal: null, cause: null, message: '', startedAt: '', endedAt: '', durationMs: 1 },
} as const

function facts(more: Partial<Facts> = {}): Facts {
  const none = {
    lock: null,
    record: null,
    result: null,
    otherRun: null,
    runner: null,
    limitUntil: null,
    outage: null,
    waitsUntil: null,
    attempt: null,
    session: null,
    tracker: null,
    checkout: null,
  }
  const processes = { supervisor: null, agent: null, others: [] }
  return { now: NOW, agentId: 'dev_001', runId: 'run_01a', task: null, ...none, processes, events: [], policy: POLICY, ...more }
}

/** An unfinished run whose journal stands in (or after) a step. */
function unfinished(step: StepName, record: Partial<RunRecord> = {}, more: Partial<Facts> = {}): Facts {
  const at = '2026-07-06T11:30:00Z'
  const before = STEPS.slice(0, STEPS.indexOf(step)).map(name => ({ name, startedAt: at, finishedAt: at, result: null }))
  const steps = [...before, { name: step, startedAt: at, finishedAt: null, result: null }]
  const journal = runRecord('dev_001', 'run_01a', { steps, ...record })
  return facts({ lock: { path: '/s/agent-dev_001.lock', problem: null }, record: journal, task: journal.task, ...more })
}

function attempt(number: number, reason: EndReason | null, more: Partial<AttemptRecord> = {}): AttemptRecord {
  const ended = reason && attemptEnd({ reason })
  return { number, mode: 'fresh', sessionId: 's', model: 'm', startedAt: '', supervisor: null, part: 0, directives: [], ended, ...more }
}

const said = (of: Facts) =>
  whatNext(of)
    .map(next => next.text)
    .join(' ')
const can = (of: Facts) =>
  whatYouCanDo(of)
    .map(({ text, command }) => `${text}: ${command}`)
    .join('\n')
const answered = (holding: Holding) => ({ kind: 'answered', where: 'the PM', holding }) as const

test('every step says what comes next, with a runner and without', () => {
  for (const step of STEPS) {
    const decided = STEPS.indexOf(step) >= STEPS.indexOf('report')
    const record = decided ? { disposition: { kind: 'park', reason: 'crashed', note: '' } as const } : {}
    expect(said(unfinished(step, record)), step).toMatch(/^(The next start of the runner|Then the workspace)/)
    expect(said(unfinished(step, record, { runner: RUNNER })), step).not.toContain('next start')
  }
})

test('an agent that lives is adopted by the next start, and its deadline is told', () => {
  const alive = { attempts: [attempt(2, null)] }
  const deadlineAt = NOW + 600_000
  const of = unfinished('agent', alive, { attempt: { number: 2, state: ALIVE, deadlineAt } })
  expect(said(of)).toContain('The next start of the runner adopts attempt 2')
  expect(whatNext(of).at(-1)).toMatchObject({ at: deadlineAt })
  expect(said({ ...of, runner: RUNNER })).not.toContain('adopts')
})

test('an agent that ended meanwhile is harvested, and one that never started is started', () => {
  const record = { attempts: [attempt(1, null)] }
  expect(said(unfinished('agent', record, { attempt: { number: 1, state: EXITED, deadlineAt: null } }))).toContain(
    'takes the result of attempt 1',
  )
  const never = { number: 1, state: { state: 'never_started' }, deadlineAt: null } as const
  expect(said(unfinished('agent', record, { attempt: never }))).toContain('starts attempt 1')
})

test('an agent that was killed is resumed, or begun anew when its session is gone, or parked when it was killed too often', () => {
  const gone = { number: 1, state: { state: 'gone' }, deadlineAt: null } as const
  const record = { attempts: [attempt(1, null)] }
  expect(said(unfinished('agent', record, { attempt: gone, session: true }))).toContain('resumes the agent’s session as attempt 2')
  expect(said(unfinished('agent', record, { attempt: gone, session: false }))).toContain(
    'starts a new session as attempt 2, since the old one cannot be resumed',
  )
  const often = Array.from({ length: 11 }, (_, index) => attempt(index + 1, index < 10 ? 'killed' : null))
  const last = { ...gone, number: 11 }
  expect(said(unfinished('agent', { attempts: often }, { attempt: last, session: true }))).toMatch(/parks the task.*killed 11 times/)
})

test('a wait says why and until when', () => {
  const until = NOW + 300_000
  const of = unfinished('agent', { attempts: [attempt(1, 'usage_limit')] }, { runner: RUNNER, session: true, waitsUntil: until })
  expect(whatNext(of)).toMatchObject([{ at: until, text: expect.stringMatching(/resumes.*because the usage limit is reached/) }])
  expect(standing(of)).toMatchObject({ state: 'waiting', says: 'waiting: the usage limit is reached' })
  expect(whatNext({ ...of, waitsUntil: null })[0]?.at).toBeNull()
})

test('a run that is paused rests until somebody resumes it', () => {
  const of = unfinished('agent', { attempts: [attempt(1, 'paused')], paused: true }, { runner: RUNNER })
  expect(said(of)).toContain('until somebody resumes')
  expect(standing(of).state).toBe('paused')
})

test('when the attempts are used up it says what the run comes to', () => {
  const used = [1, 2, 3].map(number => attempt(number, 'crashed'))
  expect(said(unfinished('agent', { attempts: used }))).toContain('parks the task with a note, since the agent ended without a result')
  expect(said(unfinished('agent', { attempts: [attempt(1, 'not_logged_in')] }))).toContain('gives the task back')
  expect(said(unfinished('agent', { attempts: [attempt(1, 'completed')] }))).toContain('reports it')
})

test('a result that waits for the PM is said to wait for it, and to be delivered once', () => {
  const disposition = { kind: 'report', reason: 'completed', status: 'dev_done', note: '' } as const
  const tracker = { kind: 'unreachable', where: 'the PM', message: 'refused', advice: 'Start it.', exitCode: 69 } as const
  const of = unfinished('report', { disposition }, { tracker })
  expect(said(of)).toMatch(/reports dev_done.*as soon as the PM answers.*nothing is reported twice/)
  expect(whatIsTrue(of).find(({ about }) => about === 'task')?.text).toContain('did not answer')
  expect(can(of)).toContain('Start it.')
})

test('a task that is no longer ours is said to be let go of', () => {
  expect(said(unfinished('agent', {}, { tracker: answered('someone_else') }))).toContain(end('lost').says)
  for (const holding of ['finished', 'gone'] as const)
    expect(said(unfinished('agent', {}, { tracker: answered(holding) }))).toContain(end('cancelled').says)
  for (const holding of ['ours', 'free'] as const)
    expect(said(unfinished('agent', {}, { tracker: answered(holding) }))).not.toContain('It ends there')
})

test('a configuration that points to another tracker is said to keep the runner from starting', () => {
  const tracker = { kind: 'elsewhere', where: 'http://other', message: 'the task belongs to X' } as const
  expect(said(unfinished('agent', {}, { tracker }))).toContain('would refuse to start')
  expect(can(unfinished('agent', { tracker: { name: 'headless-pm', url: 'http://other' } }, { tracker }))).toContain(
    '--api-url http://other',
  )
})

test('an unfinished run without a runner can be gone on with or given back; with one it can be followed or ended in order', () => {
  const at = { kind: 'in-place', repo: '/my repo', path: '/my repo', branch: null, base: null, startTree: null } as const
  const workspace = { ...at, dirtyAtStart: [], continued: false, fallback: null }
  expect(can(unfinished('agent', { workspace }))).toMatch(
    /agent-runner --role backend_dev --agent-id dev_001 --level senior --repo '\/my repo'[\s\S]*agent-runner unlock dev_001/,
  )
  expect(can(unfinished('agent', {}, { runner: RUNNER }))).toMatch(/kill -TERM 4711[\s\S]*logs run_01a -f/)
  const processes = { supervisor: 1, agent: 2, others: [] }
  expect(can(unfinished('agent', {}, { processes }))).toContain('with --force this ends the agent')
})

const result = (reason: string, more: Partial<NonNullable<Facts['result']>> = {}) => {
  const rest = { branch: null, kept: null, rescued: [], finished_at: '2026-07-06T11:00:00Z', cost_usd: 0, duration_ms: 1 }
  return { run_id: 'run_01a', agent_id: 'dev_001', task_id: '7', title: 't', reason, status: null, ...rest, ...more }
}

test('every end says what comes of it, in the words of the table', () => {
  for (const reason of Object.keys(ENDS) as EndReason[]) {
    const of = facts({ result: result(reason) })
    expect(said(of), reason).not.toBe('')
    expect(standing(of)).toMatchObject({ state: 'ended', says: expect.stringContaining(end(reason).says) })
    if (end(reason).advice) expect(can(of), reason).toContain(end(reason).advice)
  }
  expect(said(facts({ result: result('a reason of a newer version') }))).toContain('over')
})

test('a parked task says that it waits for a person, and how to put it back, until somebody has', () => {
  const parked = facts({ result: result('timed_out', { status: 'pending' }), tracker: answered('finished') })
  expect(said(parked)).toContain('until somebody moves it back to created')
  expect(can(parked)).toContain('move the task back to created at the PM')
  const embedded = { ...runRecord('dev_001', 'run_01a').task, id: 'tsk_1' }
  expect(can({ ...parked, task: embedded, result: result('timed_out', { status: 'pending', task_id: 'tsk_1' }) })).toContain(
    'agent-runner task requeue tsk_1',
  )
  const moved = { ...parked, tracker: answered('free') }
  expect(said(moved)).toContain('can be taken again')
  expect(can(moved)).not.toContain('move the task back to created at the PM')
})

test('kept work is pointed to', () => {
  expect(can(facts({ result: result('timed_out', { kept: '/w' }) }))).toContain('agent-runner rescue show run_01a')
  expect(can(facts({ result: result('timed_out', { rescued: ['refs/agent-runner/run_01a/1'] }) }))).toContain(
    'agent-runner rescue show run_01a',
  )
  expect(can(facts({ result: result('completed') }))).not.toContain('rescue')
})

test('a lock file that cannot be read is said to be set aside by the next start, and how to move it away', () => {
  const of = facts({ runId: null, lock: { path: '/s/agent-dev_001.lock', problem: 'it is not JSON' } })
  expect(standing(of).state).toBe('unreadable')
  expect(said(of)).toMatch(/next start of the runner sets the lock file aside, never deletes it/)
  expect(can(of)).toMatch(/less \/s\/agent-dev_001\.lock[\s\S]*unlock dev_001 --force/)
})

test('an idle runner, a name without anything, and a run without lock and result are told apart', () => {
  expect(said(facts({ runId: null, runner: RUNNER }))).toContain('takes the next task that fits')
  const limited = facts({ runId: null, runner: RUNNER, limitUntil: facts({}).now + 60_000 })
  expect(whatIsTrue(limited)[0]!.text).toContain('waits for the usage limit of its account until')
  expect(standing(limited)).toMatchObject({ state: 'waiting', says: expect.stringContaining('usage limit') })
  expect(whatNext(limited)).toEqual([{ text: expect.stringContaining('once the usage limit'), at: limited.limitUntil }])
  expect(said(facts({ runId: null }))).toContain('until a runner is started')
  expect(said(facts())).toContain('neither a lock file nor a result')
})

test('what happened is the beginning, the last attempt’s end and the last events, in order, and safe to print', () => {
  const text = (n: number) => stamped({ type: 'agent_text', text: `word ${n}\u001b[2J` })
  const events = [
    stamped({ type: 'task_taken', task: runRecord('dev_001', 'run_01a').task, model: 'm' }),
    stamped({ type: 'attempt_ended', attempt: 1, end: attemptEnd({ reason: 'crashed', text: 'boom' }) }),
    ...Array.from({ length: 20 }, (_, n) => text(n)),
    stamped({ type: 'agent_thinking', text: 'hm' }),
  ]
  const told = whatHappened({ events }).map(one => one.text)
  expect(told[0]).toContain('taken: Mend the parser')
  expect(told[1]).toContain('boom')
  expect(told.slice(2)).toEqual([15, 16, 17, 18, 19].map(n => `agent: word ${n}`))
})
