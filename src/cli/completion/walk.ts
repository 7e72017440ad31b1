import { shellWord } from '../../core/text/shell-word.ts'
import type { CommandWords } from './words-of.ts'

/**
 * The arms of a `case "$at:$word"` that walk along the words typed so far: a flag with a value skips one word, since `--role task` is no
 * command; the name of a command selects it.
 */
export function walkArms(words: CommandWords[], indent: string, skip: string, enter: (path: string) => string): string {
  const arms = words.flatMap(({ path, commands, flags }) => {
    const skipping = flags.filter(flag => flag.value !== null).flatMap(flag => flag.names.map(name => shellWord(`${path}:${name}`)))
    const entering = commands.map(({ name }) => `${shellWord(`${path}:${name}`)}) ${enter(`${path} ${name}`.trim())} ;;`)
    return skipping.length === 0 ? entering : [`${skipping.join('|')}) ${skip} ;;`, ...entering]
  })
  return arms.map(arm => indent + arm).join('\n')
}
