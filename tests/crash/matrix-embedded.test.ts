import { embeddedStage } from '../support/crash-stage.ts'
import { killMatrix } from './matrix.ts'

killMatrix(embeddedStage)
