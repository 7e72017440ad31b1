import type { Key, Values } from './schema.ts'
import type { Source } from './source.ts'
import type { RepositoryTrust } from './trust/judge.ts'

/** The configuration: every value, where it came from, and the files that were looked at. */
export interface Config {
  values: Values
  sources: Record<Key, Source>
  /** Null: not there. The user file's path is where it would be. */
  trust: RepositoryTrust
  /** The settings of the repository that do not count, because the user has not trusted it, or because no repository may say them. */
  leftOut: { key: Key; source: Source }[]
  files: { project: string | null; dotenv: string | null; user: string }
  /** What was ignored although it is not as it should be: one sentence each. */
  warnings: string[]
}
