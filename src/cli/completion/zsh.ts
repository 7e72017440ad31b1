import { shellWord } from '../../core/text/shell-word.ts'
import { walkArms } from './walk.ts'
import type { CommandWords, Value } from './words-of.ts'

/** A script for zsh, to be sourced or put into a folder of `fpath`. */
export function zshScript(program: string, words: CommandWords[]): string {
  const name = `_${program}`
  return `#compdef ${program}
${name}() {
  # Not "path": in zsh that is PATH.
  local at='' word i cur=$words[CURRENT] prev=$words[CURRENT-1]
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    case "$at:$word" in
${walkArms(words, '      ', 'i=$((i + 1))', path => `at=${shellWord(path)}`)}
    esac
  done
  if [[ $cur == --*=* ]]; then
    prev=\${cur%%=*}
    compset -P '*='
  fi
  case "$at:$prev" in
${valueArms(words)}
  esac
  case "$at" in
${words.map(arm).join('\n')}
  esac
}
if [[ $funcstack[1] == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program}; fi
`
}

function arm({ path, commands, flags, argument }: CommandWords): string {
  const described = (entries: { name: string; says: string }[]) =>
    entries.map(entry => shellWord(`${entry.name.replace(/:/g, '\\:')}:${entry.says}`)).join(' ')
  const options = described(flags.flatMap(flag => flag.names.map(name => ({ name, says: flag.says }))))
  const plain = [...commands, ...(Array.isArray(argument) ? argument.map((name: string) => ({ name, says: '' })) : [])]
  const other = argument === 'file' || argument === 'folder' ? reply(argument) : `found=(${described(plain)}); _describe word found`
  return `    ${shellWord(path)})
      if [[ $cur == -* ]]; then found=(${options}); _describe option found
      else ${other}
      fi
      ;;`
}

function valueArms(words: CommandWords[]): string {
  return words
    .flatMap(({ path, flags }) => flags.filter(flag => flag.value !== null).map(flag => ({ path, flag })))
    .map(({ path, flag }) => `    ${flag.names.map(name => shellWord(`${path}:${name}`)).join('|')}) ${reply(flag.value)}; return ;;`)
    .join('\n')
}

function reply(value: Value): string {
  if (value === 'file') return '_files'
  if (value === 'folder') return '_files -/'
  if (value === 'any' || value === null) return ':'
  return `compadd -- ${value.map(shellWord).join(' ')}`
}
