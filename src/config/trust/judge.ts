import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { showValue } from '../masking.ts'
import { absolute, type Bases } from '../places.ts'
import { type Key, setting } from '../schema.ts'
import type { Found } from '../source.ts'
import { sayFile } from '../source.ts'
import type { ReadFile } from '../sources/text-file.ts'
import { fromText } from '../text-value.ts'
import { agentFiles } from './agent-files.ts'
import { differences, type Evidence, fingerprint, foreignOwner, isFolder } from './fingerprint.ts'
import { hasTrust, hookFiles, namesIn } from './places.ts'
import { readTrust } from './store.ts'

/** `none` it asks for nothing · `trusted` as it is now · `new` never seen · `changed` it is not what was trusted. */
export type TrustState = 'none' | 'trusted' | 'new' | 'changed'

/** What a repository would decide or run, and whether its user has agreed. */
export interface RepositoryTrust {
  repo: string
  /** The state folder, where trust is recorded. */
  home: string
  state: TrustState
  /** What it asks for, one line each, for people. */
  says: Say[]
  /** The differences from what was trusted, in words. */
  changes: string[]
  /** SHA-256 of every file that has a say. */
  files: Record<string, string>
  /** The files of the command that its settings name, whether they exist or not, by setting. */
  commands: { key: Key; path: string }[]
  /** The other user to whom the repository, or one of these files, belongs. */
  foreign: { path: string; uid: number } | null
  /** Why nobody can trust it. */
  problem: string | null
}

export interface Say {
  /** The setting that it would decide; null for what it would run. */
  key: Key | null
  text: string
}

/** A settings file of the repository, as it was read, with what it sets. */
export interface SettingsFile {
  file: ReadFile
  found: Map<Key, Found>
}

/** Everything that is known about a repository when its trust is judged. */
export interface Case {
  bases: Bases
  files: SettingsFile[]
  /** Whether this much is free. */
  isFree(key: Key, found: Found): boolean
  /** Whether the agent may do everything, so that permissions in the repository add nothing. */
  skipsPermissions: boolean
}

/** Judges a repository. Reads the files that decide or run something, and changes nothing. */
export function judge(given: Case): RepositoryTrust {
  const { repo, home } = given.bases
  const weighty = given.files.map(({ file, found }) => ({ file, found: [...found].filter(([key]) => setting(key).trust !== 'free') }))
  const demands = agentFiles(repo, given.skipsPermissions)
  const hooks = hookFiles(join(repo, 'hooks'))
  const says = [
    ...weighty.flatMap(({ found }) =>
      found.filter(([key, entry]) => !given.isFree(key, entry)).map(([key, entry]) => sayOf(key, entry, repo)),
    ),
    ...hooks
      .sort()
      .map(name => ({ key: null, text: `hooks/${name} is ${isFolder(join(repo, 'hooks', name)) ? 'a folder, which is not run' : 'run'}` })),
    ...demands.map(({ name, wants }) => ({ key: null, text: `${name} tells the agent CLI: ${wants.join(', ')}` })),
  ]
  const none: RepositoryTrust = { repo, home, state: 'none', says, changes: [], files: {}, commands: [], foreign: null, problem: null }
  if (says.length === 0 && !hasTrust(home)) return none

  const named = weighty.flatMap(({ found }) =>
    found.flatMap(([key, entry]) => (given.isFree(key, entry) ? [] : namedBy(key, entry, given.bases).map(path => ({ key, path })))),
  )
  const commands = named.filter(({ key }) => isCommand(key))
  const evidence: Evidence = {
    repo,
    read: weighty.filter(({ found }) => found.length > 0).map(({ file }) => file),
    paths: [...(hooks.length > 0 ? [join(repo, 'hooks')] : []), ...named.filter(({ key }) => !isCommand(key)).map(({ path }) => path)],
    commands: commands.map(({ path }) => path),
    demands,
  }
  const record = readTrust(home, repo)
  if (!record && says.length === 0) return none
  const judged = { ...none, commands, foreign: foreignOwner(evidence) }
  const { files, problem } = fingerprintOrProblem(evidence)
  if (problem !== null) return { ...judged, state: 'new', problem }
  const changes = record ? differences(record.files, files) : []
  const state = !record ? 'new' : changes.length > 0 ? 'changed' : 'trusted'
  return { ...judged, state, changes, files }
}

function fingerprintOrProblem(evidence: Evidence): { files: Record<string, string>; problem: string | null } {
  try {
    return { files: fingerprint(evidence), problem: null }
  } catch (error) {
    return { files: {}, problem: (error as Error).message }
  }
}

function sayOf(key: Key, { raw, source }: Found, repo: string): Say {
  return {
    key,
    text: `${key} = ${showValue(setting(key), raw)}  (${source.name === key ? '' : `${source.name}, `}${sayFile(source, repo)})`,
  }
}

/** The settings whose value names what is executed, or what is read into a prompt. */
const NAMING: readonly Key[] = ['hooksDir', 'roleInstructionsDir', 'claudeCommand', 'claudeArgs']
const isCommand = (key: Key) => key === 'claudeCommand' || key === 'claudeArgs'

/** The files and folders that a value stands for. */
function namedBy(key: Key, found: Found, bases: Bases): string[] {
  if (!NAMING.includes(key)) return []
  const row = setting(key)
  const value = found.asText && typeof found.raw === 'string' ? fromText(row, found.raw) : found.raw
  const words = (Array.isArray(value) ? value : [value]).map(String)
  // An argument may be a file, or end in one: --mcp-config=servers.json.
  const names = row.kind === 'arguments' ? words.flatMap(word => [word, word.replace(/^--?[\w-]+=/, '')]) : words
  const paths = names.filter(Boolean).map(name => absolute(row, name, found.source, bases))
  const all = [...new Set(paths)].filter(path => path.startsWith('/'))
  if (isCommand(key)) return all
  const there = all.filter(path => existsSync(path))
  if (key === 'hooksDir') return there
  // Only these files are read, by their role.
  return there.flatMap(folder => instructionsIn(folder))
}

const instructionsIn = (folder: string) =>
  namesIn(folder)
    .filter(name => name.endsWith('.md'))
    .map(name => join(folder, name))
