import { appendFileSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { StampedEvent } from '../../core/event.ts'
import { readJson } from '../../core/json.ts'
import type { RunFiles } from '../../core/ports/run-files.ts'
import { privateFolder, removeLeftoversBelow, replaceFile } from '../files/durable-file.ts'
import { readChunks } from '../files/file-chunks.ts'

/** The folder of a run. */
export function runFolder(home: string, runId: string): string {
  return join(home, 'runs', runId)
}

/** The files of runs under `{home}/runs`. */
export function openRunFiles(home: string): RunFiles {
  const folder = (runId: string) => privateFolder(runFolder(home, runId))
  return {
    folder,
    write(runId, name, text) {
      const path = join(folder(runId), name)
      replaceFile(path, text)
      return path
    },
    drop: (runId, name) => rmSync(join(runFolder(home, runId), name), { force: true }),
    tidy(runId) {
      if (existsSync(runFolder(home, runId))) removeLeftoversBelow(runFolder(home, runId))
    },
    stateFile: name => join(home, name),
    append(event) {
      if (!event.runId) return
      const line = `${JSON.stringify(event)}\n`
      try {
        appendFileSync(join(runFolder(home, event.runId), 'events.jsonl'), line, { mode: 0o600 })
      } catch (failure) {
        if ((failure as NodeJS.ErrnoException).code !== 'ENOENT') throw failure
        appendFileSync(join(folder(event.runId), 'events.jsonl'), line, { mode: 0o600 })
      }
    },
    read(runId, name) {
      const path = join(runFolder(home, runId), name)
      return existsSync(path) ? readFileSync(path, 'utf8') : null
    },
    eventsFrom: (runId, offset, most) => eventsFrom(join(runFolder(home, runId), 'events.jsonl'), offset, most),
    events: runId => readEvents(join(runFolder(home, runId), 'events.jsonl')),
  }
}

/** Only whole lines count, since the last one may be incomplete. */
function eventsFrom(path: string, offset: number, most: { events: number; bytes: number }): { events: StampedEvent[]; end: number } {
  const events: StampedEvent[] = []
  let end = offset
  const isFull = (more = 0) => events.length >= most.events || (events.length > 0 && end - offset + more > most.bytes)
  // A line that is longer than the batch is read on to its end, and goes alone.
  for (let read = offset, carry: Buffer[] = [], carried = 0; !isFull(carried); ) {
    const before = read
    read = readChunks(
      path,
      read,
      chunk => {
        let from = 0
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
          const length = carried + at + 1 - from
          if (isFull(length)) return
          const event = parsed(Buffer.concat([...carry, chunk.subarray(from, at)]).toString('utf8'))
          if (event) events.push(event)
          end += length
          carry = []
          carried = 0
          from = at + 1
        }
        carry.push(Buffer.from(chunk.subarray(from)))
        carried += chunk.length - from
      },
      STEP,
    )
    if (read === before) break
  }
  return { events, end }
}

/** How much of the file is read at once. Bytes. */
const STEP = 256 * 1024

function parsed(line: string): StampedEvent | null {
  try {
    return readJson(line)
  } catch {
    return null
  }
}

/** The events in a file, oldest first. Skips a line that a kill has cut; where there is no file, there are no events. */
function readEvents(path: string): StampedEvent[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => parsed(line) ?? [])
}
