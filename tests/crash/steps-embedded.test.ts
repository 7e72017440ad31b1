import { expect, test } from 'vitest'
import { FAULT_POINTS } from '../../src/cli/compose/fault.ts'
import { STEPS } from '../../src/core/run.ts'
import { embeddedStage } from '../support/crash-stage.ts'
import { expectSurvived } from './every-step.ts'

test('there are points before, at the end of and after every step', () => {
  for (const step of STEPS) expect(FAULT_POINTS).toEqual(expect.arrayContaining([`before:${step}`, `done:${step}`, `after:${step}`]))
})

// Between `after:S` and `before:S+1` nothing happens; after the last step nothing comes.
const points = FAULT_POINTS.filter(point => !point.startsWith('after:') || point === 'after:release')

test.for(points)('a runner killed %s finishes its task at the next start', async point => {
  await expectSurvived(await embeddedStage(), 'major', point)
})
