import { redact } from '../../core/redaction.ts'

/** The parts of a stream that matter here. */
type Written = { write(text: string): unknown }
const unguarded = new WeakMap<object, (text: string) => unknown>()

/**
 * From now on no text that goes to this stream contains a secret. Each write is redacted by itself, so a secret must not be split over
 * two writes.
 */
export function guardStream(stream: NodeJS.WritableStream): void {
  if (unguarded.has(stream)) return
  const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean
  unguarded.set(stream, write)
  stream.write = ((chunk: unknown, ...rest: unknown[]) => write(typeof chunk === 'string' ? redact(chunk) : chunk, ...rest)) as never
}

/** Writes a text as it is, for a secret that somebody has asked for, such as a new key. */
export function reveal(stream: Written, text: string): void {
  const write = unguarded.get(stream)
  if (write) write(text)
  else stream.write(text)
}
