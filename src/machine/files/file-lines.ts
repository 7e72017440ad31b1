import { type FSWatcher, watch } from 'node:fs'
import { LIMITS } from '../../core/limits.ts'
import { readChunks } from './file-chunks.ts'

/** Reads the complete lines of a growing file, each once, in bounded memory. Bytes that are not UTF-8 become U+FFFD. */
export class FileLines {
  readonly #path: string
  readonly #folder: string
  #offset = 0
  #parts: Buffer[] = []
  #length = 0
  #watcher: FSWatcher | null = null
  #wake: (() => void) | null = null
  /** Whether something changed since the last read, so that no wait sleeps through a change just before it. */
  #changed = false

  /** `folder` is watched for changes, of this file and of those beside it. */
  constructor(path: string, folder: string) {
    this.#path = path
    this.#folder = folder
  }

  /**
   * Hands over every complete line that has been written since the last call, or about `most` bytes of them. Returns how many bytes it
   * has read.
   */
  read(onLine: (line: string) => void, most?: number): number {
    this.#changed = false
    const before = this.#offset
    this.#offset = readChunks(this.#path, before, chunk => this.#split(chunk, onLine), most)
    return this.#offset - before
  }

  /** Hands over the text after the last newline, if any: the file will not grow any more. */
  rest(onLine: (line: string) => void): void {
    const line = this.#take()
    if (line) onLine(line)
  }

  /** Waits until something in the folder changes, at most `ms`. Rejects when the signal fires. */
  changed(ms: number, signal: AbortSignal): Promise<void> {
    try {
      if (!this.#watcher) {
        this.#watcher = watch(this.#folder, () => {
          this.#changed = true
          this.#wake?.()
        }).on('error', () => {})
        // A change between the last read and now has told nobody, so look again.
        return Promise.resolve()
      }
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
    const first = chunk.indexOf(10)
    if (first < 0) {
      this.#keep(chunk)
      return
    }
    this.#keep(chunk.subarray(0, first))
    const began = this.#take()
    if (began) onLine(began)
    const last = chunk.lastIndexOf(10)
    // All lines that are whole in this piece at once: a flood has millions of short ones.
    if (last > first) for (const line of chunk.toString('utf8', first + 1, last).split('\n')) if (line) onLine(line)
    this.#keep(chunk.subarray(last + 1))
  }

  #keep(part: Buffer): void {
    // A longer line is cut: an agent that floods its output must not fill our memory.
    const room = LIMITS.agentLine.most - this.#length
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
