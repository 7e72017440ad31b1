import { fishQuote } from './quote.ts'
import type { CommandWords } from './words-of.ts'

/** A script for fish. */
export function fishScript(program: string, words: CommandWords[]): string {
  const name = `__${program.replace(/\W/g, '_')}_at`
  return `# fish completion for ${program}
function ${name}
    set -l at ''
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$at:$word"
${words.flatMap(walk).join('\n')}
        end
    end
    test "$at" = "$argv[1]"
end
${words.flatMap(lines).join('\n')}
`

  function lines({ path, commands, flags, argument }: CommandWords): string[] {
    // The quotes of -n contain another line of fish, with quotes of its own.
    const start = `complete -c ${program} -n ${fishQuote(`${name} ${fishQuote(path)}`)}`
    const first = argument === 'file' || argument === 'folder' ? [] : [`${start} -f`]
    const commandLines = commands.map(command => `${start} -a ${fishQuote(command.name)} -d ${fishQuote(command.says)}`)
    const words = Array.isArray(argument) && argument.length > 0 ? [`${start} -a ${fishQuote(argument.join(' '))}`] : []
    const flagLines = flags.map(({ names, value, says }) => {
      const switches = names.map(flag => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')
      return `${start} ${switches}${sayValue(value)} -d ${fishQuote(says)}`
    })
    return [...first, ...commandLines, ...words, ...flagLines]
  }
}

function sayValue(value: CommandWords['argument']): string {
  if (value === null) return ''
  if (value === 'file') return ' -r -F'
  if (value === 'folder') return " -x -a '(__fish_complete_directories)'"
  return value === 'any' ? ' -x' : ` -x -a ${fishQuote(value.join(' '))}`
}

function walk({ path, commands, flags }: CommandWords): string[] {
  const arms = [
    ...flags
      .filter(flag => flag.value !== null)
      .map(flag => [flag.names.map(name => fishQuote(`${path}:${name}`)).join(' '), 'set skip 1']),
    ...commands.map(({ name }) => [fishQuote(`${path}:${name}`), `set at ${fishQuote(`${path} ${name}`.trim())}`]),
  ]
  return arms.map(([pattern, action]) => `            case ${pattern}\n                ${action}`)
}
