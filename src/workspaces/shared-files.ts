import { createHash } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { textOf } from './file-names.ts'
import type { Git } from './git.ts'
import type { Repository } from './repository.ts'

/** Files of a repository that steer git in all of its checkouts; `config` is told by its settings. */
const SHARED = ['info/exclude', 'info/attributes', 'info/sparse-checkout', 'info/grafts']

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
    const [content, { mode }] = await Promise.all([readFile(file), stat(file)])
    return `${createHash('sha256').update(content).digest('hex')}${mode & 0o111 ? ' runs' : ''}`
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
  const [were, are] = await Promise.all([settingsOf(git, before.config), settingsOf(git, now.config)])
  if (were === null || are === null) return [...changed, 'config']
  const settings = [...new Set([...were, ...are])].filter(one => !(were.has(one) && are.has(one))).map(one => one.split('\n')[0]!)
  const telling = [...new Set(settings)].filter(name => !/^(?:branch|submodule)\./.test(name))
  return telling.length > 0 ? [...changed, `config (${telling.join(', ')})`] : changed
}

/** Each setting of a configuration's text with its value; null when git cannot read it. */
async function settingsOf(git: Git, config: string): Promise<Set<string> | null> {
  if (config === '') return new Set()
  try {
    return new Set(await git.names(['config', '-z', '--file', '-', '--no-includes', '--list'], { input: config }))
  } catch {
    return null
  }
}
