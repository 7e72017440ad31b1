import type { Key, Values } from './schema.ts'
import type { Source } from './source.ts'

/** The configuration: every value, where it came from, and the files that were looked at. */
export interface Config {
  values: Values
  sources: Record<Key, Source>
  /** Null: not there. The user file's path is where it would be. */
  files: { project: string | null; dotenv: string | null; user: string }
}
