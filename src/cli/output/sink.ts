import { fstatSync, writeSync } from 'node:fs'
import { redact } from '../../core/redaction.ts'
import { holdSize, saneSize } from './terminal-size.ts'

/** A place to print to that never throws, never waits, and outlives full disks and readers that went away. */
export interface Sink {
  write(text: string): void
  /** Width in columns, now. */
  columns(): number
  /** Fires when nobody can read the output any more (`| head`, a terminal that was closed). */
  readonly gone: AbortSignal
}

/** The parts of process.stdout that printing needs. */
export type OutputStream = NodeJS.WritableStream & {
  fd?: number
  isTTY?: boolean
  columns?: number
  writableLength?: number
  destroyed?: boolean
}

/** The most bytes that wait for a full disk or a slow reader. Further lines are counted and left out. */
const WAITING_BYTES = 1024 * 1024

export interface SinkOptions {
  /** The line that tells how many lines are missing; '' when the format has no room for it. */
  missing?: (lines: number) => string
  /** Leaves nothing out, however slow the reader of a pipe is; for commands that print and end. */
  complete?: boolean
  write?: (fd: number, bytes: Buffer) => number
}

/** Opens a sink on a stream. Files are written through their descriptor: the stream would close itself at the first full disk. */
export function openSink(stream: OutputStream, options: SinkOptions = {}): Sink {
  const gone = new AbortController()
  holdSize(stream)
  // Without a listener an EPIPE would be an uncaught exception. The listener stays, because writes that are under way may still fail.
  stream.on('error', () => gone.abort())
  stream.on('close', () => gone.abort())
  const missing = options.missing ?? (() => '')
  const fd = fileDescriptor(stream)
  const write =
    fd === null
      ? toStream(stream, gone.signal, missing, options.complete ? Number.POSITIVE_INFINITY : WAITING_BYTES)
      : toFile(fd, missing, options.write ?? writeSync)
  return { write, columns: () => saneSize('columns', stream.columns), gone: gone.signal }
}

/** The descriptor when it is a file or a device other than a terminal; null for terminals, pipes and sockets. */
function fileDescriptor(stream: OutputStream): number | null {
  if (stream.fd === undefined || stream.isTTY) return null
  try {
    const stat = fstatSync(stream.fd)
    return stat.isFile() || stat.isCharacterDevice() ? stream.fd : null
  } catch {
    return null
  }
}

function toStream(stream: OutputStream, gone: AbortSignal, missing: (lines: number) => string, most: number) {
  let lost = 0
  return (text: string) => {
    if (gone.aborted || stream.destroyed) return
    if ((stream.writableLength ?? 0) > most) {
      lost += linesIn(text)
      return
    }
    try {
      stream.write(lost > 0 ? missing(lost) + text : text)
      lost = 0
    } catch {
      // A stream that was ended between the check and here.
    }
  }
}

function toFile(fd: number, missing: (lines: number) => string, write: (fd: number, bytes: Buffer) => number) {
  const waiting: Buffer[] = []
  let bytes = 0
  let lost = 0
  return (text: string) => {
    flush()
    if (waiting.length > 0 && bytes + Buffer.byteLength(text) > WAITING_BYTES) {
      lost += linesIn(text)
      return
    }
    // The descriptor is not the guarded stream.
    const next = Buffer.from(redact(lost > 0 ? missing(lost) + text : text))
    lost = 0
    waiting.push(next)
    bytes += next.length
    flush()
  }

  function flush() {
    try {
      for (let next = waiting[0]; next; next = waiting[0]) {
        // A disk that fills up first takes a part of a write; only the rest may be written later.
        const taken = write(fd, next)
        bytes -= taken
        if (taken < next.length) waiting[0] = next.subarray(taken)
        else waiting.shift()
      }
    } catch {
      // Kept for the next line's turn.
    }
  }
}

function linesIn(text: string): number {
  return text.split('\n').length - 1
}
