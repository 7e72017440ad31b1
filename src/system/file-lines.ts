import { type FSWatcher, watch } from 'node:fs'
import { readChunks } from './file-chunks.ts'

/** Longer lines are handed over cut: an agent that floods its output must not fill our memory. */
const LONGEST_LINE = 8 * 1024 * 1024

/** Reads the complete lines of a growing file, each once, in bounded memory. Bytes that are not UTF-8 become U+FFFD. */
export class FileLines {
  readonly #path: string
  readonly #folder: string
  #offset = 0
  #parts: Buffer[] = []
  #length = 0
  #watcher: FSWatcher | null = null
  #wake: (() => void) | null = null
  /** Something changed since the last read; kept so that a change just before a wait is not slept through. */
  #changed = false

  /** `folder` is watched for changes, of this file and of those beside it. */
  constructor(path: string, folder: string) {
    this.#path = path
    this.#folder = folder
  }

  /** Hands over every complete line that has been written since the last call. Answers whether the file has grown. */
  read(onLine: (line: string) => void): boolean {
    this.#changed = false
    const before = this.#offset
    this.#offset = readChunks(this.#path, before, chunk => this.#split(chunk, onLine))
    return this.#offset > before
  }

  /** Hands over what stands after the last newline, if anything: the file will not grow any more. */
  rest(onLine: (line: string) => void): void {
    const line = this.#take()
    if (line) onLine(line)
  }

  /** Waits until something in the folder changes, at most `ms`. Rejects when the signal fires. */
  changed(ms: number, signal: AbortSignal): Promise<void> {
    try {
      this.#watcher ??= watch(this.#folder, () => {
        this.#changed = true
        this.#wake?.()
      }).on('error', () => {})
    } catch {
      // No watches left on this machine: looking every 100 ms will do.
      ms = Math.min(ms, 100)
    }
    if (this.#changed) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        this.#wake = null
      }
      const stop = () => {
        done()
        reject(signal.reason)
      }
      const timer = setTimeout(() => this.#wake?.(), ms)
      this.#wake = () => {
        done()
        resolve()
      }
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
    })
  }

  close(): void {
    this.#watcher?.close()
  }

  #split(chunk: Buffer, onLine: (line: string) => void): void {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, at))
      from = at + 1
      const line = this.#take()
      if (line) onLine(line)
    }
    this.#keep(chunk.subarray(from))
  }

  #keep(part: Buffer): void {
    const room = LONGEST_LINE - this.#length
    if (part.length === 0 || room <= 0) return
    // A copy: the chunk is used again.
    const kept = Buffer.from(part.subarray(0, room))
    this.#parts.push(kept)
    this.#length += kept.length
  }

  #take(): string {
    const line = Buffer.concat(this.#parts).toString('utf8')
    this.#parts = []
    this.#length = 0
    return line
  }
}
