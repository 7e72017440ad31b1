import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StampedEvent } from '../core/event.ts'
import type { RunFiles } from '../core/ports.ts'
import { privateFolder, removeLeftoversBelow, replaceFile } from './durable-file.ts'

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
    tidy: runId => removeLeftoversBelow(folder(runId)),
    stateFile: name => join(home, name),
    append(event) {
      if (event.runId) appendFileSync(join(folder(event.runId), 'events.jsonl'), `${JSON.stringify(event)}\n`, { mode: 0o600 })
    },
    events: runId => readEvents(join(runFolder(home, runId), 'events.jsonl')),
  }
}

/** The events in a file, oldest first. A line that a kill cut is passed over. */
function readEvents(path: string): StampedEvent[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => {
      try {
        return line ? [JSON.parse(line) as StampedEvent] : []
      } catch {
        return []
      }
    })
}
