import { expect, test } from 'vitest'
import { ERRORS, type ErrorCode, RunnerError } from '../../../src/core/errors.ts'
import { problemOf, Refusal } from '../../../src/server/door/problem.ts'
import { station } from '../station.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]

test('every row of the table of errors has a status that fits its kind', () => {
  const fitting = { retry: [502, 503], lost: [409], refused: [403, 404, 409, 422, 502], broken: [500, 503], usage: [422, 500], bug: [500] }
  for (const code of CODES) expect([code, fitting[ERRORS[code].kind]]).toEqual([code, expect.arrayContaining([ERRORS[code].http])])
})

test('every problem that a caller can meet is named in the document, with its status, and no other', async () => {
  const { document } = await station()
  const { description } = (document.components.schemas.Problem as { properties: { type: { description: string } } }).properties.type
  const named = [...description.matchAll(/`(urn:\S+)` \((\d+)\)/g)].map(([, type, status]) => `${type} ${status}`)
  const met = CODES.map(code => problemOf(new RunnerError(code, 'x')))
  const own = met.filter(({ type }) => type !== 'about:blank').map(({ type, status }) => `${type} ${status}`)
  expect(named.length).toBeGreaterThan(5)
  expect(named.sort()).toEqual(own.sort())
})

test('what is our own fault keeps its inside to itself, whatever it is', () => {
  const secret = 'postgres://user:password@host/db'
  const thrown = [
    new Error(secret),
    secret,
    null,
    Object.assign(new Error(secret), { code: 'ENOSPC' }),
    new RunnerError('STATE_UNUSABLE', secret),
    new RunnerError('BUG', secret),
  ]
  for (const one of thrown) {
    const problem = problemOf(one)
    expect(problem.status).toBeGreaterThanOrEqual(500)
    expect(JSON.stringify(problem)).not.toContain('password')
  }
  expect(problemOf(new Refusal(418, 'short and stout'))).toEqual({
    type: 'about:blank',
    title: "I'm a Teapot",
    status: 418,
    detail: 'short and stout',
  })
})
