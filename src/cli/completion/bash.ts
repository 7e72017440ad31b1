import { shellWord } from '../../core/text/shell-word.ts'
import { walkArms } from './walk.ts'
import type { CommandWords, Value } from './words-of.ts'

/** A script for bash 3.2 and later, which is what macOS has. */
export function bashScript(program: string, words: CommandWords[]): string {
  const name = `_${program.replace(/\W/g, '_')}`
  return `# bash completion for ${program}
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at='' word i
  # --flag=value arrives as three words.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$at:$word" in
${walkArms(words, '      ', 'i=$((i + 1))', path => `at=${shellWord(path)}`)}
    esac
  done
  COMPREPLY=()
  case "$at:$prev" in
${valueArms(words)}
  esac
  case "$at" in
${words.map(place => `    ${shellWord(place.path)})\n${indented(wordLines(place))}\n      ;;`).join('\n')}
  esac
}
${name}_files() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$2"))
  compopt -o filenames 2>/dev/null || true
}
complete -F ${name} ${program}
`

  function valueArms(all: CommandWords[]): string {
    return all
      .flatMap(({ path, flags }) =>
        flags.map(flag => ({ pattern: flag.names.map(flagName => shellWord(`${path}:${flagName}`)).join('|'), value: flag.value })),
      )
      .filter(({ value }) => value !== null)
      .map(({ pattern, value }) => `    ${pattern}) ${reply(value)} return ;;`)
      .join('\n')
  }

  function wordLines({ commands, flags, argument }: CommandWords): string[] {
    const names = flags.flatMap(flag => flag.names)
    const first = [...commands.map(command => command.name), ...(Array.isArray(argument) ? argument : [])]
    return [
      `if [[ $cur == -* ]]; then ${reply(names) || ':'}`,
      `else ${(argument === 'file' || argument === 'folder' ? reply(argument) : reply(first)) || ':'}`,
      'fi',
    ]
  }

  function reply(value: Value): string {
    if (value === 'file') return `${name}_files -f "$cur";`
    if (value === 'folder') return `${name}_files -d "$cur";`
    if (value === 'any' || value === null || value.length === 0) return ''
    return `COMPREPLY=($(compgen -W ${shellWord(value.join(' '))} -- "$cur"));`
  }
}

const indented = (lines: string[]) => lines.map(line => `      ${line}`).join('\n')
