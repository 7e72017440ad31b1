import { closeSync, openSync, readSync, statSync } from 'node:fs'

const CHUNK = 256 * 1024

/**
 * Hands over the content of a file from `offset` on, in pieces of at most 256 KiB that are valid only during the call, and about `most`
 * bytes in all. Returns the offset behind the last byte read. A missing or irregular file has no content. Bytes that are written
 * meanwhile are left for the next call: a writer that is faster than its reader would keep it here for ever.
 */
export function readChunks(path: string, offset: number, onChunk: (chunk: Buffer) => void, most = Number.POSITIVE_INFINITY): number {
  const size = fileSize(path)
  if (size <= offset) return offset
  const until = Math.min(size, offset + most)
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(Math.min(CHUNK, size - offset))
    for (;;) {
      if (offset >= until) return offset
      const read = readSync(file, chunk, 0, chunk.length, offset)
      if (read === 0) return offset
      offset += read
      onChunk(chunk.subarray(0, read))
    }
  } finally {
    closeSync(file)
  }
}

/** The last `bytes` of a file as text; '' when it is not there, or no regular file. */
export function lastBytes(path: string, bytes: number): string {
  const size = fileSize(path)
  const parts: Buffer[] = []
  readChunks(path, Math.max(0, size - bytes), chunk => parts.push(Buffer.from(chunk)))
  return Buffer.concat(parts).subarray(-bytes).toString('utf8')
}

/** Somebody may have put a folder, or worse, in the place of one of our files. */
function fileSize(path: string): number {
  const entry = statSync(path, { throwIfNoEntry: false })
  return entry?.isFile() ? entry.size : 0
}
