import type { Argument, Command, Option } from 'commander'

/** What can follow a flag or stand as an argument: one of some words, a file, a folder, something else, or nothing. */
export type Value = readonly string[] | 'file' | 'folder' | 'any' | null

/** The words that can be typed after a command. */
export interface CommandWords {
  /** The words that lead to it: '' for the program, `config set`. */
  path: string
  commands: { name: string; says: string }[]
  flags: { names: string[]; value: Value; says: string }[]
  argument: Value
}

/** Everything that can be completed, read from the declared program without its hidden parts. */
export function wordsOf(program: Command): CommandWords[] {
  const help = program.createHelp()
  const visit = (command: Command, path: string): CommandWords[] => {
    const commands = help.visibleCommands(command)
    const own = help.visibleOptions(command).map(flagWords)
    // The flags of the command that runs without being named can follow the program's name at once.
    const usual = commands.find(child => child.name() === (command as { _defaultCommandName?: string })._defaultCommandName)
    const extra = usual ? help.visibleOptions(usual).map(flagWords) : []
    const words: CommandWords = {
      path,
      commands: commands.map(child => ({ name: child.name(), says: child.description() })),
      flags: [...own, ...extra.filter(flag => !own.some(mine => mine.names.some(name => flag.names.includes(name))))],
      argument: command.name() === 'help' ? null : argumentValue(command.registeredArguments[0]),
    }
    return [words, ...commands.flatMap(child => visit(child, `${path} ${child.name()}`.trim()))]
  }
  return visit(program, '')
}

function flagWords(option: Option): CommandWords['flags'][number] {
  const takesValue = option.required || option.optional
  return {
    names: [option.long, option.short].filter(name => typeof name === 'string'),
    value: takesValue ? (option.argChoices ?? kindOf(option.flags)) : null,
    says: option.description,
  }
}

function argumentValue(argument: Argument | undefined): Value {
  if (!argument) return null
  return argument.argChoices ?? kindOf(`<${argument.name()}>`)
}

function kindOf(placeholder: string): Value {
  if (/<(folder|directory|dir)>/.test(placeholder)) return 'folder'
  return /<(file|path|command)>/.test(placeholder) ? 'file' : 'any'
}
