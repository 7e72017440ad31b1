import type { Command } from 'commander'
import { KEYS, type Key } from '../config/schema.ts'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions, TRUST_FLAG } from './command/options.ts'

/** Flags that `up` does not have, because its tasks come from its own server. */
const NOT_HERE: readonly Key[] = ['tracker', 'apiUrl', 'apiTimeout', 'server', 'serverKey', 'serverKeyFile', 'project']

/** Declares `up`. */
export function upCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('up')
    .description('serve the control plane, and run its tasks in lanes of the same process')
    .option('--lanes <number>', 'how many runs are worked on at once (default: 1)')
    .option('--open-to-this-machine', 'ask for no key: every user and program of this machine may then have commands run as you')
    .option(...TRUST_FLAG)
    .option('--json', 'print where it listens as one line of JSON; else the same as --log-format json')
    .addHelpText('after', EXAMPLES)
  const keys = KEYS.filter(key => !NOT_HERE.includes(key))
  addRunOptions(command, keys).action(async (_flags, called: Command) => {
    const { up } = await import('./up/up.ts')
    process.exitCode = await up(called.optsWithGlobals(), io())
  })
}

const EXAMPLES = `
Examples:
  agent-runner up --lanes 2 --port 8000
  key=@$HOME/.headless-pm/servers/127.0.0.1:8000    # made by the server, readable by you alone
  curl -H $key -X POST 'http://127.0.0.1:8000/projects?name=shop&local_path=/srv/shop'
  curl -H $key http://127.0.0.1:8000/runs --json '{"project_id":"prj_…","goal":"Fix the login"}'

Lanes are agents named after --agent-id (lane-1, lane-2 …) with the role fullstack_dev, which runs have too unless they say otherwise.
Each run is done in the repository of its project, by its own project file. Lanes work for projects that belong to no customer; a customer's
runs are done by its own runners, since the paths of its projects are on its own machines. Signals are as for \`run\`, for all lanes at once.`
