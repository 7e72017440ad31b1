import type { StampedEvent } from '../../core/event.ts'
import type { Printer, PrinterOptions } from './printer-contract.ts'
import { type OutputStream, openSink, type Sink } from './sink.ts'
import { patientTerminal } from './terminal.ts'

/** How events are shown: for eyes at a terminal, as lines with times, or as JSON lines. */
export type LogFormat = 'pretty' | 'plain' | 'json'
export const LOG_FORMATS = ['auto', 'pretty', 'plain', 'json'] as const

/** The format for a stream: the requested one or, for `auto`, pretty on a terminal without NO_COLOR and CI, else plain. */
export function chooseFormat(
  asked: (typeof LOG_FORMATS)[number],
  stream: { isTTY?: boolean },
  env: Record<string, string | undefined>,
): LogFormat {
  if (asked !== 'auto') return asked
  return stream.isTTY && !env.NO_COLOR && !isTrue(env.CI) && env.TERM !== 'dumb' ? 'pretty' : 'plain'
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false'
}

/** Opens a printer on a stream. Loads what the format needs and nothing else. Only a `complete` printer waits for a terminal. */
export async function openPrinter(format: LogFormat, stream: OutputStream, options: PrinterOptions = {}): Promise<Printer> {
  const terminal = options.complete ? null : patientTerminal(stream)
  if (terminal === null) return printerOn(format, stream, options)
  const printer = await printerOn(format, terminal, options)
  return {
    ...printer,
    close() {
      printer.close()
      terminal.finish()
    },
  }
}

async function printerOn(format: LogFormat, stream: OutputStream, options: PrinterOptions): Promise<Printer> {
  if (format === 'pretty') {
    const { openPretty } = await import('./pretty.ts')
    return openPretty(stream, options)
  }
  if (format === 'json') {
    const { jsonLine } = await import('./json.ts')
    return linePrinter(openSink(stream, options), jsonLine)
  }
  const { plainLine, missingLine } = await import('./plain.ts')
  return linePrinter(openSink(stream, { ...options, missing: missingLine }), event => plainLine(event, options.verbose))
}

/** One line or none per event. */
function linePrinter(sink: Sink, line: (event: StampedEvent) => string): Printer {
  let held: string[] | null = null
  return {
    print(event) {
      const text = safely(line, event)
      if (text === '') return
      if (held) held.push(text)
      else sink.write(`${text}\n`)
    },
    suspend() {
      held ??= []
    },
    resume() {
      const lines = held ?? []
      held = null
      for (const text of lines) sink.write(`${text}\n`)
    },
    close() {
      this.resume()
    },
    gone: sink.gone,
  }
}

function safely(line: (event: StampedEvent) => string, event: StampedEvent): string {
  try {
    return line(event)
  } catch {
    // An event of another version of the program, read from a file.
    return ''
  }
}
