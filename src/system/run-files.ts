import { appendFileSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { StampedEvent } from '../core/event.ts'
import type { RunFiles } from '../core/ports.ts'
import { privateFolder, removeLeftoversBelow, replaceFile } from './durable-file.ts'
import { readChunks } from './file-chunks.ts'

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

/** Only whole lines count: the last one may be in the making. */
function eventsFrom(path: string, offset: number, most: number): { events: StampedEvent[]; end: number } {
  const events: StampedEvent[] = []
  let end = offset
  let carry = Buffer.alloc(0)
  readChunks(path, offset, chunk => {
    if (events.length >= most) return
    const text = Buffer.concat([carry, chunk])
    let from = 0
    for (let at = text.indexOf(10); at >= 0 && events.length < most; at = text.indexOf(10, from)) {
      const event = parsed(text.toString('utf8', from, at))
      if (event) events.push(event)
      end += at + 1 - from
      from = at + 1
    }
    carry = text.subarray(from)
  })
  return { events, end }
}

function parsed(line: string): StampedEvent | null {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

/** The events in a file, oldest first. A line that a kill cut is passed over; what is no file has none. */
function readEvents(path: string): StampedEvent[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => parsed(line) ?? [])
}
