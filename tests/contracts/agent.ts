import { describe, expect, test } from 'vitest'
import { end } from '../../src/core/ends.ts'
import type { Agent, AttemptPlan, ExitRecord } from '../../src/core/ports/agent.ts'

/** How a process ended; an exit by itself with code 0 unless told otherwise. */
export function exitRecord(how: Partial<ExitRecord> = {}): ExitRecord {
  const at = '2026-11-21T01:12:45.000Z'
  return { version: 1, code: 0, signal: null, cause: null, message: '', startedAt: at, endedAt: at, durationMs: 1_000, ...how }
}

const KILLED: Partial<ExitRecord>[] = [
  { code: null, signal: 'SIGKILL' },
  { code: 137 },
  { code: 143 },
  { code: null, signal: 'SIGTERM', cause: 'deadline' },
  { code: null, signal: 'SIGKILL', cause: 'silent' },
  { code: 143, cause: 'stopped' },
]

/** What every agent adapter promises. `finished` is the whole output of an attempt that succeeded. */
export function agentKeepsItsPromises(open: () => Agent, finished: string[]) {
  const plan: AttemptPlan = {
    mode: 'fresh',
    sessionId: '6f1f3ab2-9a3c-4e0a-9a53-0d3c1b6a0f11',
    model: 'sonnet',
    maxCostUsd: 1.5,
    verdict: false,
    maxTurns: null,
    dryRun: false,
    cwd: '/home/user/shop',
  }

  describe('every agent', () => {
    test('reads what a successful attempt wrote as a success', () => {
      const reader = open().reader({ mode: 'fresh' })
      for (const line of finished) reader.read(line)
      expect(end(reader.end(exitRecord(), '').reason).next).toBe('report')
    })

    test('never throws, whatever the lines hold', () => {
      const reader = open().reader({ mode: 'fresh' })
      let state = 42
      const random = (below: number) => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
        return state % below
      }
      const odd = ['', '{', '}', 'null', '[]', '"text"', '0', '{"type":null}', '{"type":"result"}', '\u0000\ufffd', '{"a":'.repeat(20_000)]
      const half = finished.flatMap(line => [line.slice(0, random(line.length)), line.slice(random(line.length)), `${line}${line}`])
      const bytes = Array.from({ length: 200 }, () => Buffer.from(Array.from({ length: random(300) }, () => random(256))).toString())
      // Every value of every line in turn becomes something that it never is.
      const bent = finished.flatMap(line => {
        const whole = JSON.parse(line) as Record<string, unknown>
        return Object.keys(whole).flatMap(key =>
          [null, -1, 'x', [], {}, [null], [{}]].map(value => JSON.stringify({ ...whole, [key]: value })),
        )
      })
      for (const line of [...odd, ...half, ...bytes, ...bent]) expect(Array.isArray(reader.read(line))).toBe(true)
      expect(reader.end(exitRecord({ code: 1 }), '\ufffd\u0000').reason).toBeTypeOf('string')
    })

    test('names its account in a word that is fit for a file name and stays the same', () => {
      expect(open().account()).toMatch(/^[A-Za-z0-9._-]{1,64}$/)
      expect(open().account()).toBe(open().account())
    })

    test.each([0, 1, 137, null])('without a word from the agent exit code %s is no success', code => {
      expect(end(open().reader({ mode: 'fresh' }).end(exitRecord({ code }), '').reason).next).not.toBe('report')
    })

    test.each(KILLED)('a stream that a kill cut off is never a success: %o', how => {
      const cuts = finished.map((_, at) => finished.slice(0, at))
      const half = [...finished.slice(0, -1), finished.at(-1)!.slice(0, -20)]
      for (const lines of [...cuts, half]) {
        const reader = open().reader({ mode: 'fresh' })
        for (const line of lines) reader.read(line)
        expect(end(reader.end(exitRecord(how), '').reason).next).not.toBe('report')
      }
    })

    test('one very long line costs no more than itself', () => {
      const reader = open().reader({ mode: 'fresh' })
      const events = reader.read(`{"type":"assistant","message":{"content":[{"type":"text","text":"${'x'.repeat(30_000_000)}"}]}}`)
      expect(JSON.stringify(events).length).toBeLessThan(100_000)
    })

    test('the command is a program and a list of arguments, without a word of the task', () => {
      const agent = open()
      for (const verdict of [true, false]) {
        for (const mode of ['fresh', 'resume'] as const) {
          const { file, args, env } = agent.command({ ...plan, mode, verdict })
          expect(file).toMatch(/^\//)
          expect(args).toContain(plan.sessionId)
          expect(args.join(' ')).toContain(plan.model)
          // The plan holds nothing of the task but where to work, and that is not told either.
          expect([...args, ...Object.values(env)].join(' ')).not.toContain(plan.cwd)
        }
      }
    })

    test('the result line is the last line of a finished attempt and no other', () => {
      const { key, value } = open().resultLine!
      const isResult = (line: string) => (JSON.parse(line) as Record<string, unknown>)[key] === value
      expect(finished.map(isResult)).toEqual(finished.map((_, at) => at === finished.length - 1))
    })

    test('a session that never was cannot be resumed', () => {
      expect(open().canResume(plan.sessionId, '/nowhere/at/all')).toBe(false)
    })
  })
}
