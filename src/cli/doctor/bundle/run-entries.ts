import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ATTEMPT_FILES, attemptFolder } from '../../../machine/attempts/attempt-files.ts'
import { openRunFiles, runFolder } from '../../../machine/journal/run-files.ts'
import { attemptsOf } from '../../logs/attempts-of.ts'
import { storedRuns, unfinishedRuns } from '../../logs/stored-runs.ts'
import { jsonEntry, jsonLinesEntry, type Redact, textEntry } from './files.ts'
import type { Entry } from './tar.ts'

/** How many runs, the newest first, and how many attempts of each, the last ones. */
const RUNS = 10
const ATTEMPTS = 10

/** The files of the last runs and of every unfinished one: how they went and, with `withWork`, what was asked, said and changed. */
export function runEntries(home: string, redact: Redact, withWork: boolean): Entry[] {
  const runs = new Set([...unfinishedRuns(home).keys(), ...storedRuns(home).slice(0, RUNS)])
  return [...runs].flatMap(run => entriesOf(home, run, redact, withWork))
}

function entriesOf(home: string, run: string, redact: Redact, withWork: boolean): Entry[] {
  const folder = runFolder(home, run)
  const named = (pattern: RegExp) => names(folder).filter(name => pattern.test(name))
  const text = (name: string) => textEntry(`runs/${run}/${name}`, join(folder, name), redact)
  const failed = failedHookLogs(home, run)
  const attempts = attemptsOf(home, run).slice(-ATTEMPTS)
  return [
    jsonLinesEntry(`runs/${run}/events.jsonl`, join(folder, 'events.jsonl'), redact, withWork),
    jsonEntry(`runs/${run}/result.json`, join(folder, 'result.json'), redact, withWork),
    ...named(/^hook-.*\.log$/)
      .filter(name => withWork || failed.has(name))
      .map(text),
    ...(withWork ? named(/^(prompt.*\.md|diff\.patch)$/).map(text) : []),
    ...attempts.flatMap(attempt => {
      const at = (name: string) => [`runs/${run}/attempts/${attempt}/${name}`, join(attemptFolder(home, run, attempt), name)] as const
      return [
        ...[ATTEMPT_FILES.spec, ATTEMPT_FILES.started, ATTEMPT_FILES.exit].map(name => jsonEntry(...at(name), redact, withWork)),
        ...[ATTEMPT_FILES.log, ATTEMPT_FILES.stderr, ...(withWork ? [ATTEMPT_FILES.stdout] : [])].map(name =>
          textEntry(...at(name), redact),
        ),
      ]
    }),
  ].filter(entry => entry !== null)
}

/** The output of a hook that let its task pass is nobody's business; it may be the task. */
function failedHookLogs(home: string, run: string): Set<string> {
  const events = openRunFiles(home).events(run)
  return new Set(events.flatMap(event => (event.type === 'hook_finished' && event.exitCode !== 0 ? basename(event.log) : [])))
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}
