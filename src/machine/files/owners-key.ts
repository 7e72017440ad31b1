import { lstatSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { privateFolder, replaceFile } from './durable-file.ts'

/** One line, in the form in which `curl -H @FILE` reads it: on a command line other users of the machine could read the key. */
const BEGINNING = 'Authorization: Bearer '

/**
 * The file with the owner's key of the server at an address (`127.0.0.1:8000`). One per address, so that the key goes nowhere else: on
 * another port another user may listen.
 */
export const ownersKeyFile = (home: string, address: string) => join(home, 'servers', address)

/** Keeps the key for the owner's own programs, and returns the file. Throws what the disk says. */
export function keepOwnersKey(home: string, address: string, key: string): string {
  privateFolder(join(home, 'servers'))
  const file = ownersKeyFile(home, address)
  replaceFile(file, `${BEGINNING}${key}\n`, 'kill')
  return file
}

/** Removes the file when the server ends; not one that another server has written since. */
export function dropOwnersKey(home: string, address: string, key: string): void {
  const file = ownersKeyFile(home, address)
  if (textOf(file)?.includes(key)) rmSync(file, { force: true })
}

/** The owner's key for the server at an address; null when none of this state folder is there. Throws STATE_UNUSABLE for a file that others can read or have made. */
export function ownersKey(home: string, address: string): string | null {
  const file = ownersKeyFile(home, address)
  const entry = lstatSync(file, { throwIfNoEntry: false })
  if (!entry) return null
  const isOurs = entry.isFile() && (entry.mode & 0o077) === 0 && (!process.getuid || entry.uid === process.getuid())
  if (!isOurs)
    throw new RunnerError('STATE_UNUSABLE', `${file} is not a file of yours alone, so its key is not used`, {
      advice: 'Remove it, and start the server again.',
    })
  const text = textOf(file)
  return text?.startsWith(BEGINNING) ? text.slice(BEGINNING.length).trim() : null
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
