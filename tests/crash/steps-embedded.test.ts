import { expect, test } from 'vitest'
import { FAULT_POINTS } from '../../src/cli/compose/fault.ts'
import { STEPS } from '../../src/core/run.ts'
import { embeddedStage } from '../support/crash-stage.ts'
import { expectSurvived } from './every-step.ts'

test('there are points before and at the end of every step', () => {
  for (const step of STEPS) expect(FAULT_POINTS).toEqual(expect.arrayContaining([`before:${step}`, `done:${step}`]))
})

test.for(FAULT_POINTS)('a runner killed %s finishes its task at the next start', async point => {
  await expectSurvived(await embeddedStage(), 'major', point)
})
