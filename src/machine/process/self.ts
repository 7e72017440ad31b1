import { isSea } from 'node:sea'

/** The words that start this program again: the one file itself, or Node with the entry file. */
export function selfCommand(): string[] {
  return isSea() ? [process.execPath] : [process.execPath, ...process.execArgv, process.argv[1] ?? '']
}
