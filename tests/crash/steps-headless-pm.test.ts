import { test } from 'vitest'
import { FAULT_POINTS } from '../../src/cli/compose/fault.ts'
import { headlessPmStage } from '../support/crash-stage.ts'
import { expectSurvived } from './every-step.ts'

// Between `after:S` and `before:S+1` nothing happens outside; the embedded board is tried with both.
const points = FAULT_POINTS.filter(point => !point.startsWith('after:'))

test.for(points)('with Headless PM, a runner killed %s finishes its task at the next start', async point => {
  await expectSurvived(await headlessPmStage(), 'minor', point)
})
