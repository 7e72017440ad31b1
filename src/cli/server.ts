import type { Command } from 'commander'
import { SERVER_KEYS } from '../config/schema.ts'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions, TRUST_FLAG } from './command/options.ts'

/** Declares `server`. */
export function serverCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('server')
    .description('serve the control plane: the API, live events and the page at /docs')
    .option('--open-to-this-machine', 'ask for no key: every user and program of this machine may then have commands run as you')
    .option(...TRUST_FLAG)
    .option('--json', 'print where it listens as one line of JSON')
    .addHelpText('after', EXAMPLES)
  addRunOptions(command, ['repo', 'home', ...SERVER_KEYS]).action(async (_flags, called: Command) => {
    const { serve } = await import('./server/serve.ts')
    process.exitCode = await serve(called.optsWithGlobals(), io())
  })
}

const EXAMPLES = `
Examples:
  agent-runner server                                         on http://127.0.0.1:8000; says how you come in
  agent-runner keys create --kind admin && agent-runner server --host 0.0.0.0
  agent-runner server --database postgres://localhost/runner  any number of servers may share one database

TERM or INT lets the last answers out and ends; once more leaves at once.`
