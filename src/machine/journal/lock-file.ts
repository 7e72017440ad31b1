import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { LIMITS, limitWords } from '../../core/limits.ts'
import type { Journal } from '../../core/ports/journal.ts'
import { ownsRunId, type RunRecord } from '../../core/run.ts'
import { moveFile, privateFolder, removeFile, removeLeftovers, replaceFile, SyncBeside } from '../files/durable-file.ts'
import { decodeLockFile, encodeLockFile } from './lock-file-format.ts'

/** The lock file of an agent. */
export function lockFilePath(home: string, agentId: string): string {
  return join(home, 'locks', `agent-${agentId}.lock`)
}

/** The journal of an agent: its lock file in a state folder that is there. There ⇔ this agent has an unfinished task. */
export function openJournal(home: string, agentId: string): Journal {
  const path = lockFilePath(home, agentId)
  const folder = new SyncBeside(dirname(path))
  return {
    load() {
      removeLeftovers(path)
      if (!lstatSync(path, { throwIfNoEntry: false })) return { record: null, setAside: null }
      try {
        const record = readLockFile(path)
        if (record.agent.id !== agentId) throw new RunnerError('LOCK_FILE_UNREADABLE', `it belongs to the agent ${record.agent.id}`)
        return { record, setAside: null }
      } catch (error) {
        // Move only a file that was read and is known to be bad; a disk that fails now may work again later.
        if (!(error instanceof RunnerError)) throw cannotRead(path, error as Error)
        return { record: null, setAside: setAside(path, error) }
      }
    },
    save(record, durable = 'before') {
      const text = `${JSON.stringify(encodeLockFile(record), null, 2)}\n`
      // The record before must not be lost together with this one.
      folder.finish()
      replaceFile(path, text, durable === 'before' ? 'power cut' : 'kill')
      if (durable === 'beside') folder.begin()
    },
    remove: () => removeFile(path),
    sharedWith: runId => sharedWith(home, agentId, runId),
  }
}

function sharedWith(home: string, agentId: string, runId: string): RunRecord | null {
  for (const name of readdirSync(join(home, 'locks'))) {
    const other = /^agent-(.+)\.lock$/.exec(name)?.[1]
    if (other === undefined || other === agentId) continue
    try {
      const record = readLockFile(join(home, 'locks', name))
      if (record.runId === runId && ownsRunId(record)) return record
    } catch {
      // Gone meanwhile, or for its own agent to deal with.
    }
  }
  return null
}

/** The run that a lock file tells of. Throws LOCK_FILE_UNREADABLE with the reason; never changes the file. */
export function readLockFile(path: string): RunRecord {
  const entry = lstatSync(path)
  // A link may point anywhere, and a file that others can write may make us touch anything.
  if (!entry.isFile()) throw new RunnerError('LOCK_FILE_UNREADABLE', 'it is not a regular file')
  if (process.getuid && entry.uid !== process.getuid() && process.getuid() !== 0)
    throw new RunnerError('LOCK_FILE_UNREADABLE', 'it belongs to another user')
  if (entry.mode & 0o002) throw new RunnerError('LOCK_FILE_UNREADABLE', 'everybody can write it')
  if (entry.size > LIMITS.stateFile.most) throw new RunnerError('LOCK_FILE_UNREADABLE', `it is larger than ${limitWords('stateFile')}`)
  return decodeLockFile(readFileSync(path, 'utf8'))
}

function cannotRead(path: string, error: Error): RunnerError {
  return new RunnerError('STATE_UNUSABLE', `the lock file ${path} cannot be read now: ${error.message}`, { cause: error })
}

/**
 * Moves an agent's lock file to `locks/released/`, whatever is in it, and returns where it is now. Durable: after a power cut it is in
 * one place or the other. Only for callers that hold the agent's guard.
 */
export function releaseLockFile(home: string, agentId: string): string {
  const path = lockFilePath(home, agentId)
  const folder = privateFolder(join(home, 'locks', 'released'))
  const day = new Date().toISOString().replace(/[-:]|\..*/g, '')
  let target: string
  for (let n = 1; ; n++) {
    target = join(folder, `agent-${agentId}-${day}${n === 1 ? '' : `-${n}`}.lock`)
    if (!lstatSync(target, { throwIfNoEntry: false })) break
  }
  removeLeftovers(path)
  moveFile(path, target)
  return target
}

/** Moves the file out of the way, keeping it, and says where to and why. */
function setAside(path: string, reason: Error): string {
  let target: string
  for (let n = 1; ; n++) {
    target = join(dirname(path), `${basename(path)}.unreadable-${n}`)
    if (!existsSync(target)) break
  }
  renameSync(path, target)
  if (lstatSync(target).isFile()) chmodSync(target, 0o600)
  return `${target} (${reason.message})`
}
