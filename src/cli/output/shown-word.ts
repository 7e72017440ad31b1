import { shellWord } from '../../core/text/shell-word.ts'
import { oneLine } from './clean.ts'

/** A text from outside as one word of a shell command that is printed to be copied. */
export const shownWord = (text: string) => shellWord(oneLine(text))
