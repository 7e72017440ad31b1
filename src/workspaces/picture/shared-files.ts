import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { textOf } from '../../git/file-names.ts'
import type { Git } from '../../git/git.ts'
import type { Repository } from '../../git/repository.ts'
import { plainBytes, readPlainFile } from '../../machine/files/plain-file.ts'
import { asPath, namesIn } from './steering-files.ts'

/** Files of a repository that steer git in all of its checkouts; `config` is told by its settings. */
const SHARED = ['info/exclude', 'info/attributes', 'info/sparse-checkout', 'info/grafts', 'objects/info/alternates']

/** For a larger file its size must do. */
const MOST_BYTES = 64 * 1024 ** 2

/** The files that control git in all checkouts of a repository. */
export interface SharedFiles {
  /** The text of its configuration. */
  config: string
  /** Each other file, and each hook: its content's hash, and whether it can be run. */
  files: Record<string, string>
}

/** Reads what is shared, without git. */
export function readShared({ commonDir }: Repository): SharedFiles {
  const names = [...SHARED, ...(namesIn(join(commonDir, 'hooks')) ?? []).map(name => `hooks/${name}`)]
  const files = names.flatMap(name => {
    const print = fingerprint(asPath(join(commonDir, name)))
    return print === null ? [] : [[name, print]]
  })
  return { config: textOf(plainBytes(join(commonDir, 'config')) ?? Buffer.alloc(0)), files: Object.fromEntries(files) }
}

/** The hooks in a folder outside of the repository, as far as there are few. */
export function printsIn(folder: string): Record<string, string> {
  return Object.fromEntries(
    (namesIn(folder) ?? []).slice(0, MOST_PRINTS).flatMap(name => {
      const print = fingerprint(asPath(join(folder, name)))
      return print === null ? [] : [[name, print]]
    }),
  )
}

const MOST_PRINTS = 200

function fingerprint(file: string | Buffer): string | null {
  try {
    const read = readPlainFile(file, MOST_BYTES)
    const runs = () => (statSync(file).mode & 0o111 ? ' runs' : '')
    if (read.is === 'file') return `${createHash('sha256').update(read.bytes).digest('hex')}${runs()}`
    if (read.is === 'large') return `${read.size} bytes${runs()}`
    return read.is === 'other' ? 'no file' : null
  } catch {
    // The file cannot be read, or is gone since.
    return null
  }
}

/** The names of what has changed. Settings that git itself writes for branches and submodules do not count. */
export async function sharedChanges(git: Git, before: SharedFiles, now: SharedFiles, others: OthersSetting[]): Promise<string[]> {
  const names = [...new Set([...Object.keys(before.files), ...Object.keys(now.files)])]
  const changed = names.filter(name => before.files[name] !== now.files[name])
  if (before.config === now.config) return changed
  const [were, are] = await Promise.all([settingsBefore(git, before.config, others), settingsIn(git, now.config)])
  if (were === null || are === null) return [...changed, 'config']
  const telling = unlike(were, are).filter(name => !/^(?:branch|submodule)\./.test(name))
  return telling.length > 0 ? [...changed, `config (${telling.join(', ')})`] : changed
}

/** The values of each setting, in their order; null for one that only stands there, which means true. */
export type Settings = Map<string, (string | null)[]>

/** The settings of a configuration's text, without what it includes; null when git cannot read it. */
export async function settingsIn(git: Git, config: string): Promise<Settings | null> {
  const settings: Settings = new Map()
  if (config === '') return settings
  try {
    for (const one of await git.names(['config', '-z', '--file', '-', '--no-includes', '--list'], { input: config })) {
      const end = one.indexOf('\n')
      const name = end < 0 ? one : one.slice(0, end)
      const value = end < 0 ? null : one.slice(end + 1)
      const values = settings.get(name)
      if (values) values.push(value)
      else settings.set(name, [value])
    }
    return settings
  } catch {
    return null
  }
}

const Values = z.array(z.string().nullable()).nullable()
/** A setting that another run found like this and has put back to what it is now; null where it was not set. */
export const OthersSetting = z.object({ file: z.string(), name: z.string(), found: Values, now: Values })
export type OthersSetting = z.infer<typeof OthersSetting>

/** The settings of a text, without what the agents of other runs had made of them. */
export async function settingsBefore(git: Git, config: string, others: OthersSetting[]): Promise<Settings | null> {
  const settings = await settingsIn(git, config)
  if (settings === null) return null
  for (const { name, found, now } of others) {
    if (JSON.stringify(settings.get(name) ?? null) !== JSON.stringify(found)) continue
    if (now === null) settings.delete(name)
    else settings.set(name, now)
  }
  return settings
}

/** The names of the settings that do not have the same values in both. */
export function unlike(were: Settings, are: Settings): string[] {
  const names = [...new Set([...were.keys(), ...are.keys()])]
  return names.filter(name => JSON.stringify(were.get(name)) !== JSON.stringify(are.get(name)))
}
