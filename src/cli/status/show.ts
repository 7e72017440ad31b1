import { setTimeout as delay } from 'node:timers/promises'
import { RunnerError } from '../../core/errors.ts'
import type { CommandIo } from '../command/command-io.ts'
import { sharedLimit } from '../compose/shared-limit.ts'
import { cut } from '../output/layout.ts'
import { paintFor } from '../output/paint.ts'
import { openSink } from '../output/sink.ts'
import { saneSize } from '../output/terminal-size.ts'
import { machineStatus } from './machine-status.ts'
import { statusLines } from './view.ts'

export interface StatusRequest {
  home: string
  json: boolean
  watch: boolean
}

const ALTERNATE_SCREEN = '\u001b[?1049h\u001b[?25l'
const BACK = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const PLAIN = '\u001b[0m'
const REST_OF_LINE = '\u001b[K'
const REST_OF_SCREEN = '\u001b[J'

/** Shows the machine's status: once, or every second until the signal fires. Throws USAGE for --watch where nothing can be redrawn. */
export async function showStatus(request: StatusRequest, io: CommandIo, signal: AbortSignal): Promise<void> {
  const sink = openSink(io.stdout, { complete: true })
  const paint = await paintFor(io.stdout, io.env)
  const status = () => machineStatus(request.home, sharedLimit(request.home, io.env))
  const lines = () => statusLines(status(), Date.now(), sink.columns(), paint)
  if (!request.watch) {
    sink.write(request.json ? `${JSON.stringify(status(), null, 2)}\n` : `${lines().join('\n')}\n`)
    return
  }
  if (!request.json && !io.stdout.isTTY)
    throw new RunnerError('USAGE', '--watch draws on a terminal, and the output is none', { advice: 'Add --json for one line per second.' })
  const end = AbortSignal.any([signal, sink.gone])
  if (!request.json) sink.write(ALTERNATE_SCREEN)
  try {
    while (!end.aborted) {
      sink.write(request.json ? `${JSON.stringify(status())}\n` : screen(lines(), sink.columns(), saneSize('rows', io.stdout.rows)))
      await delay(1_000, undefined, { signal: end }).catch(() => {})
    }
  } finally {
    if (!request.json) {
      // The last content of the screen stays readable.
      sink.write(`${BACK}${lines().join('\n')}\n`)
    }
  }
}

/** One full screen, drawn over the last one, because clearing first would flicker. A line that wraps would push the first ones out. */
function screen(lines: string[], columns: number, rows: number): string {
  const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), '…']
  return HOME + shown.map(line => `${cut(line, columns)}${PLAIN}${REST_OF_LINE}\r\n`).join('') + REST_OF_SCREEN
}
