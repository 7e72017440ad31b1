import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { StampedEvent } from '../../core/event.ts'
import { readJson } from '../../core/json.ts'
import { ATTEMPT_FILES, attemptFolder } from '../../machine/attempts/attempt-files.ts'
import { FileLines } from '../../machine/files/file-lines.ts'
import { runFolder } from '../../machine/journal/run-files.ts'
import { guardHolder } from '../../machine/locks/agent-guard.ts'
import type { CommandIo } from '../command/command-io.ts'
import { printable } from '../output/clean.ts'
import { chooseFormat, openPrinter } from '../output/printer.ts'
import { openSink } from '../output/sink.ts'
import { attemptsOf } from './attempts-of.ts'
import { findRun, storedRuns, unfinishedRuns } from './stored-runs.ts'

export interface LogsRequest {
  home: string
  /** The run as the user named it; null for the newest. */
  run: string | null
  follow: boolean
  what: 'readable' | 'json' | 'raw'
  /** Whether to show at length what was thought, said and answered, as far as the run recorded it. */
  verbose: boolean
}

/** How long a run without a lock file must be silent before it counts as over. */
const SETTLED_MS = 1_500

/**
 * Shows the log of a run: once, or until the run ends or the signal fires. Throws USAGE for a run that is not there.
 */
export async function showLogs(request: LogsRequest, io: CommandIo, signal: AbortSignal): Promise<void> {
  const say = (text: string) => openSink(io.stderr).write(`${text}\n`)
  const run = request.run === null ? await newestRun(request, say, signal) : findRun(request.home, request.run)
  if (run === null) return
  const { home, follow, verbose } = request
  const place = { home, run, follow, verbose }
  if (request.what === 'raw') await showRaw(place, io, signal)
  else await showEvents(place, request.what, io, signal, say)
}

async function newestRun({ home, follow }: LogsRequest, say: (text: string) => void, signal: AbortSignal): Promise<string | null> {
  // The unfinished run is the newest, even before its folder exists.
  const newest = () => [...unfinishedRuns(home).keys(), ...storedRuns(home)].sort().at(-1) ?? null
  const found = newest()
  if (found !== null) return found
  if (!follow) {
    say('No run yet. Start one: agent-runner --role backend_dev --agent-id dev_001 --single-task')
    return null
  }
  say('No run yet; waiting for the first. Ctrl-C ends this.')
  for (;;) {
    await delay(250, undefined, { signal }).catch(() => {})
    if (signal.aborted) return null
    const run = newest()
    if (run !== null) return run
  }
}

interface Place {
  home: string
  run: string
  follow: boolean
  verbose: boolean
}

async function showEvents(place: Place, what: 'readable' | 'json', io: CommandIo, signal: AbortSignal, say: (text: string) => void) {
  const format = what === 'json' ? 'json' : chooseFormat('auto', io.stdout, io.env)
  const printer = await openPrinter(format, io.stdout, { live: place.follow, complete: true, verbose: place.verbose })
  const end = AbortSignal.any([signal, printer.gone])
  const folder = runFolder(place.home, place.run)
  const lines = new FileLines(join(folder, 'events.jsonl'), folder)
  // A run that was stopped and kept can go on, so its end counts only while nothing comes after it.
  let finished = false
  const onLine = (line: string) => {
    const event = parseEvent(line)
    if (!event) return
    finished = event.type === 'run_finished'
    printer.print(event)
  }
  try {
    if (place.follow) {
      const agentId = unfinishedRuns(place.home).get(place.run)?.agentId
      if (agentId && !guardHolder(place.home, agentId))
        say(`No runner works for ${agentId} now; waiting for its next start. Ctrl-C ends this.`)
    }
    await readOn(place, [lines], onLine, () => finished, end)
  } finally {
    lines.close()
    printer.close()
  }
}

async function showRaw(place: Place, io: CommandIo, signal: AbortSignal) {
  const sink = openSink(io.stdout, { complete: true })
  const end = AbortSignal.any([signal, sink.gone])
  // A terminal would act on control characters; everything else gets the text as it was written.
  const onLine = (line: string) => sink.write(`${io.stdout.isTTY ? printable(line) : line}\n`)
  const files = new Map<number, FileLines>()
  const attempts = () => {
    for (const number of attemptsOf(place.home, place.run)) {
      const folder = attemptFolder(place.home, place.run, number)
      if (!files.has(number)) files.set(number, new FileLines(join(folder, ATTEMPT_FILES.stdout), folder))
    }
    return [...files].sort(([a], [b]) => a - b).map(([, lines]) => lines)
  }
  try {
    await readOn(place, attempts, onLine, () => false, end)
  } finally {
    for (const lines of files.values()) lines.close()
  }
}

/** Reads the present lines and, when following, new ones, until the run is over or the signal fires. */
async function readOn(
  place: Place,
  files: FileLines[] | (() => FileLines[]),
  onLine: (line: string) => void,
  finished: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  let idleSince = performance.now()
  const counted = (line: string) => {
    idleSince = performance.now()
    onLine(line)
  }
  for (;;) {
    const quiet = () => performance.now() - idleSince > SETTLED_MS
    // The order matters: lines that were written before the lock file disappeared are read after that.
    const over = quiet() && !unfinishedRuns(place.home).has(place.run)
    const all = typeof files === 'function' ? files() : files
    for (const lines of all) lines.read(counted)
    if (!place.follow || finished() || (over && quiet())) {
      for (const lines of all) lines.rest(onLine)
      return
    }
    const last = all.at(-1)
    // Look again after a while in any case: another attempt may begin, the lock file may disappear.
    await (last ? last.changed(500, signal) : delay(250, undefined, { signal })).catch(() => {})
    if (signal.aborted) return
  }
}

function parseEvent(line: string): StampedEvent | null {
  try {
    const event = readJson(line)
    return typeof event?.type === 'string' && typeof event.at === 'string' ? event : null
  } catch {
    // The last line of a runner that was killed while it wrote.
    return null
  }
}
