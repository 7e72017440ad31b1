import { readChunks } from './file-chunks.ts'

/** Follows a growing file and finds out when a marker has been written at the start of a line. Reads each byte once. */
export class MarkerTail {
  readonly #path: string
  readonly #marker: Buffer
  #offset = 0
  #carry = Buffer.from('\n')
  /** Whether the marker has been seen. */
  found = false

  constructor(path: string, marker: string) {
    this.#path = path
    this.#marker = Buffer.from(`\n${marker}`)
  }

  /** Whether the file has grown since the last call. */
  grew(): boolean {
    const before = this.#offset
    this.#offset = readChunks(this.#path, before, chunk => {
      if (this.found) return
      const text = Buffer.concat([this.#carry, chunk])
      this.found = text.includes(this.#marker)
      this.#carry = Buffer.from(text.subarray(-this.#marker.length))
    })
    return this.#offset > before
  }
}
