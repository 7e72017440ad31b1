import { join } from 'node:path'
import type { RunRecord } from '../../src/core/run.ts'
import { privateFolder } from '../../src/machine/files/durable-file.ts'
import { openJournal } from '../../src/machine/journal/lock-file.ts'
import { runRecord } from './events.ts'

/** Leaves a lock file as a runner leaves it that was killed in the middle of its agent step. */
export function unfinished(home: string, agentId: string, runId: string, more: Partial<RunRecord> = {}): void {
  privateFolder(join(home, 'locks'))
  openJournal(home, agentId).save(runRecord(agentId, runId, more))
}
