import { test } from 'vitest'
import { FAULT_POINTS } from '../../src/cli/compose/fault.ts'
import { headlessPmStage } from '../support/crash-stage.ts'
import { expectSurvived } from './every-step.ts'

// The points at which something has happened at the server that the journal does not know; the embedded board is tried with all.
const points = FAULT_POINTS.filter(point => point.startsWith('done:'))

test.for(points)('with Headless PM, a runner killed %s finishes its task at the next start', async point => {
  await expectSurvived(await headlessPmStage(), 'minor', point)
})
