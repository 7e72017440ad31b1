import { headlessPmStage } from '../support/crash-stage.ts'
import { killMatrix } from './matrix.ts'

killMatrix(headlessPmStage)
