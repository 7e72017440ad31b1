import { bashScript } from './bash.ts'
import { fishScript } from './fish.ts'
import type { CommandWords } from './words-of.ts'
import { zshScript } from './zsh.ts'

export const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const
export type Shell = keyof typeof SHELLS

/** The completion script of a shell for a program with these words. */
export function completionScript(shell: Shell, program: string, words: CommandWords[]): string {
  return SHELLS[shell](program, words)
}
