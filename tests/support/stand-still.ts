import { type ProcessRow, processRow } from '../../src/machine/process/process-table.ts'
import { RUN_TAG, signalProcess, taggedProcesses } from '../../src/machine/process/processes.ts'
import type { CrashStage, RunnerProcess } from './crash-stage.ts'

/** Stops the runner and all processes of its runs, as when the machine falls asleep; answers how to let them go on. */
export function standStill({ runs }: CrashStage, runner: RunnerProcess): () => void {
  const stopped = new Map<number, ProcessRow>()
  const own = processRow(runner.pid)
  // What was being started while the others were stopped is found by a further look.
  for (let before = -1; before < stopped.size; ) {
    before = stopped.size
    for (const row of [...(own ? [own] : []), ...runs().flatMap(run => taggedProcesses(RUN_TAG, run))]) {
      if (!stopped.has(row.pid) && signalProcess(row, 'SIGSTOP')) stopped.set(row.pid, row)
    }
  }
  return () => {
    for (const row of stopped.values()) signalProcess(row, 'SIGCONT')
  }
}
