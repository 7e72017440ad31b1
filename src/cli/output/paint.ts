import type { ChalkInstance } from 'chalk'

/** Colours for a stream: none when it is no terminal, and none where NO_COLOR asks for that. */
export async function paintFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Promise<ChalkInstance> {
  const { Chalk } = await import('chalk')
  return new Chalk({ level: stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb' ? 1 : 0 })
}
