import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { check } from '../../config/check.ts'
import { type ConfigInput, loadPlaces } from '../../config/load.ts'
import { findSetting, withValueAt } from '../../config/lookup.ts'
import { showValue } from '../../config/masking.ts'
import { flagName, type Key, setting } from '../../config/schema.ts'
import type { Problem } from '../../config/source.ts'
import { readUserFile, unsetInUserFile, userFilePath, writeUserFile } from '../../config/sources/user-file.ts'
import { fromText } from '../../config/text-value.ts'
import { z } from '../../config/zod.ts'
import { RunnerError } from '../../core/errors.ts'
import type { CommandIo } from '../command/command-io.ts'

type Flags = Record<string, unknown>

const input = (flags: Flags, io: CommandIo): ConfigInput => ({ flags, env: io.env, cwd: io.cwd })

/** `config set`: checks the value as at a start and writes it into the user's file. Throws USAGE for a value that does not fit. */
export async function setSetting(name: string, given: string, flags: Flags, io: CommandIo): Promise<void> {
  const { key, inside } = findSetting(name)
  const row = setting(key)
  if (row.trust === 'never')
    throw new RunnerError('USAGE', `${key} says where the files are, so it can only be given as ${flagName(key)} or ${row.env[0]}`)
  const { home } = await loadPlaces(input(flags, io))
  const text = given === '-' ? await readAll(io.stdin) : given
  const present = readable(home).get(key)?.raw
  const raw = inside.length > 0 ? withValueAt(present, inside, scalar(text)) : fromText(row, text)
  const checked = check(z, key, { raw, asText: false, source: { kind: 'flag', name, path: null, line: null } })
  if ('problem' in checked) throw new RunnerError('USAGE', checked.problem.message)
  const path = await writeUserFile(home, { [key]: asWritten(key, checked.value, io.cwd) })
  if (row.secret) io.stderr.write(`${key} now stands in ${path} as plain text; only your own user can read it (mode 0600)\n`)
  if (flags.json) io.stdout.write(`${JSON.stringify({ key: name, path })}\n`)
  else io.stdout.write(`${name} = ${showValue(row, inside.length > 0 ? scalar(text) : checked.value)} in ${path}\n`)
}

/** `config unset`: removes a setting, or an unknown key that should not be there. To do it twice is the same as once. */
export async function unsetSetting(name: string, flags: Flags, io: CommandIo): Promise<void> {
  const { home } = await loadPlaces(input(flags, io))
  const removed = await unsetInUserFile(home, name)
  if (!removed) findSetting(name)
  const path = userFilePath(home)
  if (flags.json) io.stdout.write(`${JSON.stringify({ key: name, path, removed })}\n`)
  else io.stdout.write(removed ? `${name} removed from ${path}\n` : `${name} is not in ${path}\n`)
}

/** `config path`: the user's file; with `--json` the project's file and the state folder too. */
export async function showPaths(flags: Flags, io: CommandIo): Promise<void> {
  const { home, repo, project } = await loadPlaces(input(flags, io))
  const user = userFilePath(home)
  if (flags.json) io.stdout.write(`${JSON.stringify({ user, exists: existsSync(user), project, repo, home })}\n`)
  else io.stdout.write(`${user}\n`)
}

/** The user's file as it is. One that cannot be read is not overwritten. */
function readable(home: string) {
  const problems: Problem[] = []
  const found = readUserFile(home, problems)
  const broken = problems.find(problem => problem.message.startsWith(`${userFilePath(home)}:`))
  if (broken) throw new RunnerError('CONFIG_INVALID', broken.message, { advice: 'Mend or remove the file first.' })
  return found
}

/** A typed path is relative to the current folder; in the file it would be relative to the file's folder. `~/` stays as it is. */
export function asWritten(key: Key, value: unknown, cwd: string): unknown {
  const isPath = setting(key).kind === 'path' || (setting(key).kind === 'command' && String(value).includes('/'))
  return isPath && typeof value === 'string' && !value.startsWith('~') ? resolve(cwd, value) : value
}

const scalar = (text: string) => (text === 'true' ? true : text === 'false' ? false : text)

async function readAll(stdin: CommandIo['stdin']): Promise<string> {
  let text = ''
  for await (const piece of stdin) text += piece
  return text.replace(/\r?\n$/, '')
}
