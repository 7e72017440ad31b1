import { PassThrough, Readable } from 'node:stream'
import type { CommandIo } from '../../src/cli/command/command-io.ts'

/** A stream that keeps what is written to it; with columns it passes for a terminal of that width. */
export function capture(columns?: number) {
  const stream = new PassThrough({ highWaterMark: 64 * 1024 * 1024 })
  let text = ''
  stream.setEncoding('utf8').on('data', part => (text += part))
  const terminal =
    columns === undefined ? {} : { isTTY: true, columns, cursorTo: noop, moveCursor: noop, clearLine: () => stream.write('\u001b[0K') }
  return Object.assign(stream, terminal, { text: () => text, lines: () => text.split('\n').filter(line => line !== '') })
}

function noop(): boolean {
  return true
}

/** The world of a command that is called in the test's own process. */
export function commandIo(home: string, options: { cwd?: string; stdin?: string; columns?: number } = {}) {
  const stdin = Readable.from([options.stdin ?? ''])
  const stdout = capture(options.columns)
  const stderr = capture()
  const env = { HEADLESS_PM_HOME: home, PATH: process.env.PATH, HOME: home, NO_COLOR: '1' }
  return { stdin, stdout, stderr, env, cwd: options.cwd ?? home } satisfies CommandIo
}
