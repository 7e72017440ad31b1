import type { Config } from '../../config/config.ts'
import { readConfig, refuse } from '../../config/load.ts'
import { findSetting, valueAt } from '../../config/lookup.ts'
import { maskValue, showValue } from '../../config/masking.ts'
import { KEYS, type Key, setting } from '../../config/schema.ts'
import { envNames } from '../../config/setting.ts'
import { type Source, sayWhere } from '../../config/source.ts'
import type { CommandIo } from '../command/command-io.ts'
import { configToLook, tellLeftOut } from '../command/configuration.ts'
import { paintFor } from '../output/paint.ts'
import { tilde } from '../output/tilde.ts'

type Flags = Record<string, unknown>

/** `config get`: prints the value that counts. Returns the exit code, 1 when it is not set. */
export async function getSetting(name: string, flags: Flags, io: CommandIo): Promise<number> {
  const { key, inside } = findSetting(name)
  const { values, sources } = await configToLook(flags, io)
  const value = valueAt(values[key], inside)
  if (flags.json)
    io.stdout.write(`${JSON.stringify({ key: name, value: maskValue(setting(key), value), source: sources[key] }, null, 2)}\n`)
  else if (value !== null) io.stdout.write(`${showValue(setting(key), value)}\n`)
  return value === null ? 1 : 0
}

/** `config list`: `key = value`, one per line. */
export async function listSettings(flags: Flags, io: CommandIo): Promise<void> {
  const { values } = await configToLook(flags, io)
  if (flags.json) {
    const document = Object.fromEntries(KEYS.map(key => [key, maskValue(setting(key), values[key])]))
    io.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
  } else for (const key of KEYS) io.stdout.write(`${key} = ${showValue(setting(key), values[key])}\n`)
}

/** Each setting's value, secrets masked, and where it came from, as a document. */
export function explained({ values, sources, files, trust, leftOut, warnings }: Config, keys: readonly Key[] = KEYS) {
  const settings = Object.fromEntries(keys.map(key => [key, { value: maskValue(setting(key), values[key]), source: sources[key] }]))
  const repository = {
    path: trust.repo,
    state: trust.state,
    asks_for: trust.says.map(({ text }) => text),
    not_used: leftOut.map(({ key }) => key),
  }
  return { settings, files, repository, warnings }
}

/**
 * `config explain`: each setting, its value and where it came from; values other than defaults stand out. Mistakes come last, as a
 * refusal.
 */
export async function explainSettings(name: string | null, flags: Flags, io: CommandIo): Promise<void> {
  const keys: readonly Key[] = name === null ? KEYS : [findSetting(name).key]
  const { config, problems } = await readConfig({ flags, env: io.env, cwd: io.cwd })
  if (flags.json) {
    io.stdout.write(`${JSON.stringify({ ...explained(config, keys), problems: problems.map(problem => problem.message) }, null, 2)}\n`)
    return refuse(problems)
  }
  const { values, sources } = config
  const paint = await paintFor(io.stdout, io.env)
  const wide = Math.max(...keys.map(key => key.length))
  const isBad = (source: Source) => source.kind !== 'default' && problems.some(problem => problem.source === source)
  for (const key of keys) {
    const source = sources[key]
    const shown = showValue(setting(key), values[key])
    const left = config.leftOut.find(entry => entry.key === key)
    const line = `${key.padEnd(wide)}  ${source.kind === 'default' ? shown : paint.bold(shown)}  ${paint.dim(`← ${tilde(sayWhere(source))}${isBad(source) ? ': not valid, the default is shown' : ''}${left ? `; not used: ${tilde(sayWhere(left.source))}` : ''}`)}`
    io.stdout.write(`${line}\n`)
    if (name === null) continue
    const row = setting(key)
    const { says, flag, choices } = row
    io.stdout.write(`${says}\n${[flag, ...envNames(row), `${key} in a file`].filter(Boolean).join(' · ')}\n`)
    if (choices) io.stdout.write(`one of ${choices.join(', ')}\n`)
  }
  tellLeftOut(config, io)
  refuse(problems)
}
