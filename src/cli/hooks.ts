import { Argument, type Command } from 'commander'
import { HOOKS, type HookName } from '../core/ports/hooks.ts'
import { type CommandIo, endedByUser, processIo } from './command/command-io.ts'
import { addRunOptions, TRUST_FLAG } from './command/options.ts'

type Flags = Record<string, unknown> & { json?: boolean; task?: string }

/** Declares `hooks list|run|schema`. */
export function hooksCommand(program: Command, io: () => CommandIo = processIo): void {
  const hooks = program.command('hooks').description('the programs that are called before and after a task and for health')

  addRunOptions(hooks.command('list').description('which hook is called for each name, from where, and how it is run'), PLACES)
    .option('--json', 'print JSON')
    .action(async (_flags, command: Command) => {
      const flags: Flags = command.optsWithGlobals()
      const { actions, print } = await prepare(io())
      const { configToLook } = await import('./command/configuration.ts')
      const config = await configToLook(flags, io())
      const { hookOptions } = await import('./compose/hook-settings.ts')
      process.exitCode = actions.listHooks(hookOptions(config), flags.json === true, print)
    })

  addRunOptions(hooks.command('run').description('calls a hook as the runner would, and shows what it says'), [...PLACES, ...DETAILS])
    .addArgument(new Argument('<name>', 'which one').choices(HOOKS))
    .option(...TRUST_FLAG)
    .option('--task <file>', 'a task as JSON, at least {"title": "…"}; without it a sample')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (name: HookName, _flags, command: Command) => {
      const flags: Flags = command.optsWithGlobals()
      const place = io()
      const { actions, print } = await prepare(place)
      const [{ configToAct }, { RUNNER }] = await Promise.all([import('./command/configuration.ts'), import('../config/trust/refusal.ts')])
      const config = await configToAct(flags, place, RUNNER)
      const { resolve } = await import('node:path')
      const { hookFacts, hookOptions } = await import('./compose/hook-settings.ts')
      const options = {
        ...hookOptions(config),
        ...(await hookFacts(config, place.env)),
        taskFile: flags.task === undefined ? null : resolve(place.cwd, flags.task),
        json: flags.json === true,
      }
      const user = endedByUser()
      process.exitCode = await actions.runHook(name, options, print, user.signal).finally(user.off)
    })

  hooks
    .command('schema')
    .description('the JSON schema of what a hook reads on stdin')
    .action(async () => {
      const [{ printHookSchema }, print] = await Promise.all([import('./hooks/actions.ts'), printer(io())])
      process.exitCode = await printHookSchema(print)
    })
}

const PLACES = ['repo', 'home', 'hooksDir'] as const
const DETAILS = ['role', 'agentId', 'level', 'tracker', 'apiUrl', 'claudeCommand', 'hookTimeout'] as const

const EXAMPLES = `
Exit code: the hook's own; 124 timed out, 125 ended by a signal or for printing too much, 126 or 127 could not be run.

Examples:
  agent-runner hooks run pre_task
  agent-runner hooks run post_task --task task.json --hooks-dir ./my-hooks`

async function prepare(io: CommandIo): Promise<{ actions: typeof import('./hooks/actions.ts'); print: (text: string) => void }> {
  const [actions, print] = await Promise.all([import('./hooks/actions.ts'), printer(io)])
  return { actions, print }
}

async function printer(io: CommandIo): Promise<(text: string) => void> {
  const { openSink } = await import('./output/sink.ts')
  const sink = openSink(io.stdout, { complete: true })
  return text => sink.write(text)
}
