import { stripVTControlCharacters } from 'node:util'
import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import { columnsOf } from '../../../src/cli/output/layout.ts'
import { openPretty } from '../../../src/cli/output/pretty.ts'
import { chooseFormat, openPrinter } from '../../../src/cli/output/printer.ts'
import type { StampedEvent } from '../../../src/core/event.ts'
import { capture } from '../../support/command-io.ts'
import { everyEvent, stamped, task } from '../../support/events.ts'
import { waitFor } from '../../support/wait-for.ts'

const EVIL = 'evil \u001b[31mred\u001b]0;title\u0007\u009b2J\u202e \u0007\b\r end'
// What our own colours are made of, and nothing else.
const OURS = /\p{Cc}\[\d{1,2}(?:;\d{1,2})*m/gu
const CONTROL = /(?!\n)\p{Cc}|\p{Bidi_Control}/u

async function shown(format: 'pretty' | 'plain' | 'json', events: StampedEvent[], columns?: number) {
  const stream = capture(columns)
  const printer = await openPrinter(format, stream, { live: false })
  for (const event of events) printer.print(event)
  printer.close()
  return stream.text()
}

describe('the format', () => {
  test('auto is pretty at a terminal, plain for files, pipes, CI, NO_COLOR and dumb terminals', () => {
    const at = (env: Record<string, string>, isTTY = true) => chooseFormat('auto', { isTTY }, env)
    expect(at({})).toBe('pretty')
    expect(at({ CI: 'false', NO_COLOR: '' })).toBe('pretty')
    expect([at({}, false), at({ CI: 'true' }), at({ NO_COLOR: '1' }), at({ TERM: 'dumb' })]).toEqual(['plain', 'plain', 'plain', 'plain'])
  })

  test('what was asked for wins', () => {
    expect(chooseFormat('json', { isTTY: true }, {})).toBe('json')
    expect(chooseFormat('pretty', { isTTY: false }, { CI: '1' })).toBe('pretty')
  })
})

test('no event of any kind brings an escape sequence or control character of its own to a terminal', () => {
  for (const columns of [40, 120]) {
    const stream = capture(columns)
    const printer = openPretty(stream, { live: false }, new Chalk({ level: 1 }))
    for (const event of everyEvent(EVIL)) printer.print(stamped(event))
    printer.close()
    expect(stream.text()).toMatch(OURS)
    expect(stream.text().replace(OURS, '')).not.toMatch(CONTROL)
  }
})

test('a plain log has no control characters at all, and at most one line per event', async () => {
  for (const event of everyEvent(EVIL)) {
    const text = await shown('plain', [stamped(event)])
    expect(text.split('\n').length).toBeLessThanOrEqual(2)
    expect(text).not.toMatch(CONTROL)
  }
})

test.each(['plain', 'pretty'] as const)('%s: a worktree under another name is not called a missing one', async format => {
  const workspace = { repo: '/r', path: '/r/w', branch: 'b', base: 'a', startTree: null, continued: false }
  const ready = (kind: 'worktree' | 'in-place') =>
    shown(format, [
      stamped({ type: 'workspace_ready', workspace: { ...workspace, kind, dirtyAtStart: [], fallback: 'main is checked out' } }),
    ])
  expect(await ready('worktree')).toContain('main is checked out')
  expect(await ready('worktree')).not.toContain('not a worktree')
  expect(await ready('in-place')).toContain('not a worktree: main is checked out')
})

test.each(['plain', 'pretty'] as const)('%s: what the agent thinks and what its tools answer is told at length alone', async format => {
  const events = [
    stamped({ type: 'agent_thinking', text: 'Look first.' }),
    stamped({ type: 'tool_result', id: 't', ok: true, text: 'all tests pass' }),
  ]
  expect(await shown(format, events)).toBe('')
  const stream = capture(80)
  const printer = await openPrinter(format, stream, { live: false, verbose: true })
  for (const event of events) printer.print(event)
  printer.close()
  expect(stream.text()).toMatch(/the agent thinks: Look first\.\n.*the tool answered: all tests pass/)
})

test('each plain line begins with its local time and its agent', async () => {
  const lines = (
    await shown(
      'plain',
      everyEvent('word').map(event => stamped(event)),
    )
  )
    .trim()
    .split('\n')
  expect(lines.length).toBeGreaterThan(15)
  for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d dev_001 \S/)
})

test('JSON lines are the events themselves, every one', async () => {
  const events = everyEvent(EVIL).map((event, seq) => stamped(event, { seq }))
  const lines = (await shown('json', events)).trim().split('\n')
  expect(lines.map(line => JSON.parse(line))).toEqual(events)
})

test('everything but paths and commands fits into 40 columns, wide characters included', async () => {
  const text = await shown(
    'pretty',
    everyEvent('日本語のテキスト and some words of text').map(event => stamped(event)),
    40,
  )
  const lines = text.split('\n').filter(line => !/^ {2}[~/]|^ {2}日本語の.*text$|→|kept in/.test(line))
  expect(lines.length).toBeGreaterThan(30)
  for (const line of lines) expect(columnsOf(line), line).toBeLessThanOrEqual(40)
})

test('the end of a run tells outcome, branch, commits, time, model, cost, place and what to type next', async () => {
  const [, , , , , , , taken, , , , workspace, ...rest] = everyEvent('x')
  const end = rest.find(event => event.type === 'run_finished')!
  const events = [
    { ...taken!, task: task('Mend it'), model: 'opus' } as typeof taken,
    workspace,
    { ...end, kept: '/kept/here' } as typeof end,
  ]
  const text = await shown(
    'pretty',
    events.map(event => stamped(event!)),
    100,
  )
  for (const part of [
    'The deadline passed: Mend it',
    'x',
    '12345678 x',
    '1 min 1 s',
    'opus',
    '$0.50',
    '/kept/here',
    'agent-runner logs run_1',
    'Split the task',
  ])
    expect(text).toContain(part)
  expect(text).toContain('git -C /r diff abc..x')
})

test('work that is on no branch is not told to be on the one on which it began', async () => {
  const events = everyEvent('x').filter(event => event.type === 'workspace_ready' || event.type === 'run_finished')
  for (const event of events) {
    if (event.type === 'workspace_ready') event.workspace.branch = 'feature/task-7'
    if (event.type === 'run_finished') event.work!.branch = null
  }
  const text = await shown(
    'pretty',
    events.map(event => stamped(event)),
    100,
  )
  const end = text.slice(text.indexOf('commits'))
  expect(text).toMatch(/branch +none: a ref of ours keeps the commits/)
  expect(end).not.toContain('feature/task-7')
  expect(end).toMatch(/rescue restore \S+ --branch NAME/)
})

test('a path with a space or a quote can be pasted into a shell', async () => {
  const events = everyEvent('x').filter(event => event.type === 'workspace_ready' || event.type === 'run_finished')
  for (const event of events) if (event.type === 'workspace_ready') event.workspace.repo = "/my repo's"
  expect(
    await shown(
      'pretty',
      events.map(event => stamped(event)),
      100,
    ),
  ).toContain("git -C '/my repo'\\''s' diff")
})

test('a failed tool is named with what it said; a successful one is not repeated', async () => {
  const events = [
    stamped({ type: 'tool_used', id: 'a', tool: 'Bash', argument: 'npm test' }),
    stamped({ type: 'tool_result', id: 'a', ok: false, text: 'exit 1' }),
    stamped({ type: 'tool_used', id: 'b', tool: 'Read', argument: 'x.ts' }),
    stamped({ type: 'tool_result', id: 'b', ok: true, text: 'contents' }),
  ]
  const text = await shown('pretty', events, 80)
  expect(text).toContain('Bash: exit 1')
  expect(text).not.toContain('contents')
})

test('an event of another version is passed over, and what follows is shown', async () => {
  const strange = [{ type: 'from_the_future' }, { type: 'task_taken' }, { type: 'agent_text' }].map(event => stamped(event as never))
  for (const format of ['pretty', 'plain'] as const)
    expect(await shown(format, [...strange, stamped({ type: 'agent_text', text: 'and on' })], 80)).toContain('and on')
})

test('while a question is asked nothing is printed, and afterwards all of it, in order', async () => {
  for (const format of ['pretty', 'plain', 'json'] as const) {
    const stream = capture(80)
    const printer = await openPrinter(format, stream, { live: false })
    printer.print(stamped({ type: 'agent_text', text: 'before' }))
    printer.suspend()
    const before = stream.text()
    printer.print(stamped({ type: 'agent_text', text: 'first' }))
    printer.print(stamped({ type: 'agent_text', text: 'second' }))
    expect(stream.text()).toBe(before)
    printer.resume()
    expect(stream.text()).toMatch(/before.*first.*second/s)
    printer.close()
  }
})

describe('the live line', () => {
  test('tells the step and what the agent is doing, in one line of the terminal', async () => {
    const stream = capture(40)
    const printer = openPretty(stream)
    const at = new Date(Date.now() - 65_000).toISOString()
    printer.print(stamped({ type: 'step_started', step: 'agent' }, { at }))
    printer.print(stamped({ type: 'tool_used', id: 'a', tool: 'Bash', argument: `npm test ${'-- --long '.repeat(30)}` }, { at }))
    // Each drawing begins with a frame of the spinner, a Braille sign.
    const live = () =>
      stream
        .text()
        .split(/(?=[\u2801-\u28ff])/)
        .at(-1)!
    await waitFor('the next drawing', () => live().includes('Bash npm'))
    const drawn = stripVTControlCharacters(live())
    expect(drawn).toMatch(/agent at work · Bash npm.*… 1:0\d/)
    expect(columnsOf(drawn)).toBeLessThanOrEqual(40)
    printer.close()
  })

  test('is gone after close and while a question is asked, and leaves the cursor where it can be seen', async () => {
    const stream = capture(80)
    const printer = openPretty(stream)
    /** Whether the last drawing was wiped away. */
    const isGone = () => stream.text().lastIndexOf('\u001b[0K') > stream.text().lastIndexOf('⠋')
    printer.print(stamped({ type: 'step_started', step: 'agent' }))
    expect(isGone()).toBe(false)
    printer.suspend()
    expect(isGone()).toBe(true)
    printer.resume()
    expect(isGone()).toBe(false)
    printer.close()
    expect(isGone()).toBe(true)
    expect(stream.text()).not.toContain('\u001b[?25l')
  })

  test.each([0, 1, 5, Number.NaN, -1, Number.POSITIVE_INFINITY, undefined, 10_000])(
    'is drawn on a terminal that calls itself %s columns wide',
    columns => {
      const stream = capture(80)
      stream.columns = columns
      const printer = openPretty(stream)
      printer.print(stamped({ type: 'step_started', step: 'agent' }))
      printer.print(stamped({ type: 'tool_used', id: 'a', tool: 'Bash', argument: 'npm test' }))
      stream.columns = 0
      printer.print(stamped({ type: 'agent_text', text: 'I am done.' }))
      printer.close()
      expect(stream.text()).toContain('I am done.')
    },
  )
})
