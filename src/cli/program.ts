import { Command } from 'commander'
import { nearest } from '../config/nearest.ts'
import { keepSecret, secretsOf, secretsOfArguments } from '../core/redaction.ts'
import { version } from './command/version.ts'
import { writerAtOnce } from './output/at-once.ts'
import { guardStream } from './output/guard.ts'
import { tell } from './output/tell.ts'
import { holdSize } from './output/terminal-size.ts'

const HELP = `
Examples:
  agent-runner --role backend_dev --agent-id dev_001 --single-task   do one task and exit
  nohup agent-runner --role qa --agent-id qa_001 > qa.log 2>&1 &     work in the background
  agent-runner --role backend_dev --agent-id dev_001 --dry-run       say what would be taken
  agent-runner task add --title "Fix the login" --role backend_dev   add a task to the embedded board
  agent-runner status --watch                                        what every agent here is doing
  agent-runner up --lanes 2                                          the API and two runners, in one process
  agent-runner server                                                the API, live events and /docs on 127.0.0.1:8000
  agent-runner why dev_001                                           what happened, what comes next, what to do
  agent-runner doctor --role backend_dev --agent-id dev_001          would a run start?

The options of \`run\` work without the word: agent-runner --role R --agent-id ID [--single-task] [--dry-run] …
All of them: agent-runner run --help`

type Declare = (program: Command) => void

/** The command line with these commands. Only declares: what a command needs is loaded when it runs. */
function buildProgram(commands: Declare[]): Command {
  const program = new Command('agent-runner')
    .description('Takes tasks from a project-management API, gives each to a coding agent in a safe workspace, and reports back.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', HELP)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${text.replace(/^error: /, 'agent-runner: ')}${hintFor(text)}`) })
    .showSuggestionAfterError()
    .enablePositionalOptions()
  for (const declare of commands) declare(program)
  return program
}

/** A hint for mistakes on the command line that people make by habit. */
const hintFor = (text: string) =>
  /unknown option '(?:-v|--verbose)'/.test(text)
    ? '  -v, --verbose is for what shows an agent at work: run, up and logs; the version is -V, --version\n'
    : ''

/**
 * The commands that a command line may mean: one of them, or all where all must be declared to know it. Declaring dozens of options takes
 * time at each start, and the version needs no command at all.
 */
async function commandsFor(word: string | undefined): Promise<Declare[]> {
  if (VERSION.has(word)) return []
  const { COMMANDS } = await import('./command/commands.ts')
  // Completion tells of all of them.
  if (word === 'completion') return Object.values(COMMANDS)
  if (word !== undefined && Object.hasOwn(COMMANDS, word)) return [COMMANDS[word]!]
  return word?.startsWith('-') && !HELP_FLAGS.has(word) ? [COMMANDS.run!] : Object.values(COMMANDS)
}

const VERSION = new Set<string | undefined>(['-V', '--version'])
const HELP_FLAGS = new Set<string | undefined>(['-h', '--help'])

/**
 * Runs the command line and sets the exit code. Faults are one line and what to do; stack traces only for bugs of ours. Returns whether
 * something may still be on its way in the streams.
 */
export async function main(argv: string[]): Promise<boolean> {
  const word = argv[2]
  const program = buildProgram(await commandsFor(word))
  const write = (VERSION.has(word) || HELP_FLAGS.has(word)) && argv.length === 3 ? writerAtOnce() : null
  if (write) {
    program.configureOutput({ writeOut: write, getOutHelpWidth: () => 80, getOutHasColors: () => false })
    await program.parseAsync(argv).catch(thrown => (process.exitCode = tell(thrown)))
    return false
  }
  keepSecret([...secretsOf(process.env), ...secretsOfArguments(argv.slice(2))])
  // A reader that goes away (`| head`), a closed terminal or a full disk under the log is no reason to leave work undone.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {})
    holdSize(stream)
    guardStream(stream)
  }
  // An uncaught error, also in a promise, is reported like any other; without this it would be a bare stack trace.
  process.on('uncaughtException', thrown => process.exit(tell(thrown) || 1))
  try {
    refuseUnknownCommand(program, word === 'help' ? argv[3] : word)
    await program.parseAsync(argv)
  } catch (thrown) {
    process.exitCode = tell(thrown)
  }
  return true
}

/** Without this, a mistyped command would be an argument too many of `run`. */
function refuseUnknownCommand(program: Command, word: string | undefined): void {
  if (word === undefined || word.startsWith('-') || word === 'help') return
  const known = program.commands.flatMap(command => [command.name(), ...command.aliases()])
  if (known.includes(word)) return
  const shown = program.createHelp().visibleCommands(program)
  const close = nearest(
    word,
    shown.map(command => command.name()),
  )
  program.error(`error: unknown command '${word}'${close ? `\n(Did you mean ${close}?)` : ''}`, { code: 'commander.unknownCommand' })
}
