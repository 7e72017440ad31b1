import { Readable, Writable } from 'node:stream'
import { Command } from 'commander'
import type { CommandIo } from '../../src/cli/command/command-io.ts'

export interface Captured {
  out: string
  err: string
  /** What the action set as the process's exit code. */
  exitCode: number
}

/**
 * Runs one declared command as the program would, with text as its stdin and its own environment, and answers what it printed.
 * Rejects with what the command throws; what it printed before is in `written`, when that was given.
 */
export async function capture(
  declare: (program: Command, io: () => CommandIo) => void,
  args: string[],
  given: { cwd: string; env?: Record<string, string>; stdin?: string; tty?: boolean; written?: { out: string; err: string } },
): Promise<Captured> {
  const written = given.written ?? { out: '', err: '' }
  const into = (name: 'out' | 'err') =>
    Object.assign(
      new Writable({
        write(piece, _encoding, done) {
          written[name] += piece
          done()
        },
      }),
      { isTTY: given.tty ?? false },
    )
  const io: CommandIo = {
    stdin: Readable.from(given.stdin === undefined ? [] : [given.stdin]),
    stdout: into('out'),
    stderr: into('err'),
    env: given.env ?? {},
    cwd: given.cwd,
  }
  const program = new Command('agent-runner').exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} })
  declare(program, () => io)
  const before = process.exitCode
  process.exitCode = 0
  try {
    await program.parseAsync(args, { from: 'user' })
    return { ...written, exitCode: process.exitCode }
  } finally {
    process.exitCode = before
  }
}
