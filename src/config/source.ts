/** Where a value came from, nearest first. */
export type SourceKind = 'flag' | 'environment' | 'dotenv' | 'project' | 'user' | 'default'

export interface Source {
  kind: SourceKind
  /** What the user wrote there: `--claude-timeout`, `HEADLESS_PM_CLAUDE_TIMEOUT`, `claudeTimeout`; '' for a default. */
  name: string
  /** The file, for the kinds that are one. */
  path: string | null
  /** From 1; null when it is not known. */
  line: number | null
}

export const DEFAULT_SOURCE: Source = { kind: 'default', name: '', path: null, line: null }

/** A value as it was found, before it is checked. `asText`: it came as text and means a number, list and so on. */
export interface Found {
  raw: unknown
  asText: boolean
  source: Source
}

/** One thing that is wrong with the configuration, in one line that names the place. */
export interface Problem {
  kind: SourceKind
  message: string
  /** The place of the value that it is about, when it is about one. */
  source?: Source
}

/** Where a value came from, in words: `HEADLESS_PM_ROLE (environment)`. */
export function sayWhere(source: Source): string {
  if (source.kind === 'default') return 'default'
  if (source.kind === 'flag') return source.name
  if (source.kind === 'environment') return `${source.name} (environment)`
  return `${source.name} (${sayPlace(source)})`
}

/**
 * `--claude-timeout abc: expected …`, `HEADLESS_PM_CLAUDE_TIMEOUT=abc (environment): expected …`, `claudeTimeout: abc (file line 3): …`.
 * Null as the shown value leaves it out.
 */
export function sayProblem(source: Source, shown: string | null, what: string): Problem {
  const { kind, name } = source
  if (kind === 'flag') return { kind, message: `${name}${shown === null ? '' : ` ${shown}`}: ${what}`, source }
  const glue = kind === 'environment' || kind === 'dotenv' ? '=' : ': '
  return { kind, message: `${name}${shown === null ? '' : glue + shown} (${sayPlace(source)}): ${what}`, source }
}

/** The file of a value and the line, as they are named from a folder: `agent-runner.yaml line 3`. */
export const sayFile = (source: Source, folder: string): string =>
  sayPlace({ ...source, path: source.path?.startsWith(`${folder}/`) ? source.path.slice(folder.length + 1) : source.path })

function sayPlace({ kind, path, line }: Source): string {
  if (path === null) return kind
  return line === null ? path : `${path} line ${line}`
}
