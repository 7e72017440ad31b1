import { createHash } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { textOf } from './file-names.ts'
import type { Git } from './git.ts'
import type { Repository } from './repository.ts'

/** Files of a repository that steer git in all of its checkouts; `config` is told by its settings. */
const SHARED = ['info/exclude', 'info/attributes', 'info/sparse-checkout', 'info/grafts', 'objects/info/alternates']

/** What steers git in all checkouts of a repository. */
export interface SharedFiles {
  /** The text of its configuration. */
  config: string
  /** Each other file, and each hook: its content's hash, and whether it can be run. */
  files: Record<string, string>
}

/** Reads what is shared, without git. */
export async function readShared({ commonDir }: Repository): Promise<SharedFiles> {
  const hooks = await readdir(join(commonDir, 'hooks'), { withFileTypes: true }).catch((): Dirent[] => [])
  const names = [...SHARED, ...hooks.filter(({ name }) => !name.endsWith('.sample')).map(({ name }) => `hooks/${name}`)]
  const [config, ...found] = await Promise.all([
    readFile(join(commonDir, 'config')).catch(() => Buffer.alloc(0)),
    ...names.map(name => fingerprint(join(commonDir, name))),
  ])
  const files = names.map((name, at) => [name, found[at]] as const).filter(([, print]) => print !== null)
  return { config: textOf(config), files: Object.fromEntries(files) as Record<string, string> }
}

async function fingerprint(file: string): Promise<string | null> {
  try {
    const entry = await stat(file)
    // A pipe would never come to its end, nor would a device.
    if (!entry.isFile()) return entry.isDirectory() ? null : 'no file'
    const content = await readFile(file)
    return `${createHash('sha256').update(content).digest('hex')}${entry.mode & 0o111 ? ' runs' : ''}`
  } catch {
    // Not there, or a folder.
    return null
  }
}

/** The names of what is not as it was. What git itself writes of branches and submodules is no change. */
export async function sharedChanges(git: Git, before: SharedFiles, now: SharedFiles): Promise<string[]> {
  const names = [...new Set([...Object.keys(before.files), ...Object.keys(now.files)])]
  const changed = names.filter(name => before.files[name] !== now.files[name])
  if (before.config === now.config) return changed
  const [were, are] = await Promise.all([settingsIn(git, before.config), settingsIn(git, now.config)])
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

/** The names of the settings that do not have the same values in both. */
export function unlike(were: Settings, are: Settings): string[] {
  const names = [...new Set([...were.keys(), ...are.keys()])]
  return names.filter(name => JSON.stringify(were.get(name)) !== JSON.stringify(are.get(name)))
}
