import { type Command, InvalidArgumentError, Option } from 'commander'
import { COMPLEXITIES, LEVELS, TASK_STATUSES } from '../core/task.ts'
import { type CommandIo, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `task add|list|show|cancel|requeue`: the queue of the embedded board. */
export function taskCommand(program: Command, io: () => CommandIo = processIo): void {
  const task = program.command('task').description('the tasks of the embedded board')

  subcommand(task, 'add', 'add a task to the queue')
    .argument('[source]', '- reads the description from stdin')
    .requiredOption('--title <text>', 'what is to be done, in one line')
    .requiredOption('--role <role>', 'who is to do it: backend_dev, frontend_dev, fullstack_dev, qa, architect, pm, or a role of your own')
    .option('--description <text>', 'what is to be done, in full (Markdown)')
    .option('--file <path>', 'read the description from a file')
    .addOption(new Option('--seniority <level>', 'the least level of the agent').choices(LEVELS).default('senior'))
    .addOption(
      new Option('--complexity <size>', 'minor works in place, major in a worktree on a branch of its own')
        .choices(COMPLEXITIES)
        .default('major'),
    )
    .option('--branch <name>', 'the branch to work on; without it the runner names one')
    .option('--priority <n>', 'higher goes first', wholeNumber, 0)
    .option('--depends-on <id>', 'a task that must be done before; may be repeated', collect, [])
    .option('--criteria <text>', 'an acceptance criterion; may be repeated', collect, [])
    .option('--max-cost <usd>', 'US dollars that all attempts together may cost', dollars)
    .option('--model <name>', 'the model for this task alone')
    .addHelpText('after', ADD_EXAMPLES)
    .action(async (source: string | undefined, _flags, command) => (await actions()).addTask(command.optsWithGlobals(), io(), source ?? ''))

  subcommand(task, 'list', 'the tasks of this repository, newest first')
    .addOption(new Option('--status <status>', 'only those in this status').choices(TASK_STATUSES))
    .option('--role <role>', 'only those for this role')
    .action(async (_flags, command) => (await actions()).listTasks(command.optsWithGlobals(), io()))

  subcommand(task, 'show', 'one task with its history')
    .argument('<id>', 'the id of the task')
    .action(async (id: string, _flags, command) => (await actions()).showTask(command.optsWithGlobals(), io(), id))

  subcommand(task, 'cancel', 'take a task out for good; an agent at work on it is stopped')
    .argument('<id>', 'the id of the task')
    .action(async (id: string, _flags, command) => (await actions()).cancelTask(command.optsWithGlobals(), io(), id))

  subcommand(task, 'requeue', 'put a parked or cancelled task back into the queue')
    .argument('<id>', 'the id of the task')
    .action(async (id: string, _flags, command) => (await actions()).requeueTask(command.optsWithGlobals(), io(), id))
}

const ADD_EXAMPLES = `
Examples:
  agent-runner task add --title "Fix the login" --role backend_dev --criteria "npm test passes"
  agent-runner task add --title "Fix the typo" --role frontend_dev --complexity minor --description "In README.md"
  agent-runner task add --title "Write the parser" --role backend_dev --seniority principal - < parser.md`

function subcommand(task: Command, name: string, description: string): Command {
  return addRunOptions(task.command(name).description(description), ['repo', 'home'])
    .addOption(new Option('--tracker <name>', 'embedded: also when a Headless PM server is configured').choices(['embedded']))
    .option('--json', 'print JSON')
}

const actions = () => import('./task/actions.ts')

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

function wholeNumber(value: string): number {
  if (!/^[+-]?\d{1,7}$/.test(value)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(value)
}

function dollars(value: string): number {
  const usd = Number(value.replace(/^\$/, ''))
  if (!/^\$?\d+(\.\d+)?$/.test(value) || usd <= 0) throw new InvalidArgumentError('It must be an amount above 0, such as 2.50.')
  return usd
}
