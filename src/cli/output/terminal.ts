import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { clearLine, cursorTo, moveCursor } from 'node:readline'
import { Writable } from 'node:stream'
import { saneSize } from './terminal-size.ts'

/** The time between two tries on a terminal that takes nothing, and the time for the last tries at the end. Milliseconds. */
const AGAIN_MS = 50
const LAST_MS = 1_000

/** The parts of process.stdout that are needed here. */
type Terminal = NodeJS.WritableStream & { fd?: number; isTTY?: boolean; columns?: number }

/** A terminal that takes what it can and keeps nobody waiting. */
interface PatientTerminal extends Writable {
  readonly isTTY: true
  readonly columns: number
  /** Writes what still waits, as far as the terminal takes it within a second, and closes the descriptor. */
  finish(): void
}

/**
 * The same terminal through a descriptor of its own that does not block. Node writes to a terminal synchronously: one that takes nothing
 * (Ctrl-S, a dead connection, a stopped `script`) would stop the whole process. Null where there is no such way to it.
 */
export function patientTerminal(stream: Terminal): PatientTerminal | null {
  if (!stream.isTTY || stream.fd === undefined || process.platform !== 'linux') return null
  try {
    const fd = openSync(`/proc/self/fd/${stream.fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    return new Patient(stream, fd)
  } catch {
    return null
  }
}

class Patient extends Writable implements PatientTerminal {
  readonly isTTY = true as const
  readonly #terminal: Terminal
  readonly #file: number
  #waiting: { rest: Buffer; done: (error?: Error | null) => void } | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(terminal: Terminal, file: number) {
    super({ decodeStrings: true })
    this.#terminal = terminal
    this.#file = file
  }

  get columns(): number {
    return saneSize('columns', this.#terminal.columns)
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#waiting = { rest: chunk, done }
    this.#go()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    closeSync(this.#file)
    done(error)
  }

  /** Writes as much as the terminal takes, and the rest later. */
  #go(): void {
    const waiting = this.#waiting
    if (!waiting) return
    try {
      while (waiting.rest.length > 0) waiting.rest = waiting.rest.subarray(writeSync(this.#file, waiting.rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        this.#timer = setTimeout(() => this.#go(), AGAIN_MS).unref()
        return
      }
      this.#waiting = null
      waiting.done(error as Error)
      return
    }
    this.#waiting = null
    waiting.done()
  }

  finish(): void {
    const still = new Int32Array(new SharedArrayBuffer(4))
    for (const last = performance.now() + LAST_MS; this.writableLength > 0 && performance.now() < last; ) {
      clearTimeout(this.#timer)
      this.#go()
      if (this.#waiting) Atomics.wait(still, 0, 0, 5)
    }
    this.destroy()
  }

  // Libraries that draw on terminals call these on their stream.
  cursorTo = (x: number, y?: number) => cursorTo(this, x, y)
  moveCursor = (x: number, y: number) => moveCursor(this, x, y)
  clearLine = (direction: -1 | 0 | 1) => clearLine(this, direction)
}
