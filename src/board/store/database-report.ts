/** What was found of a database. */
export interface DatabaseReport {
  /** Without a password. */
  url: string
  kind: 'sqlite' | 'postgres'
  /** The version of its tables; 0 when there are none yet. */
  version: number
  /** The version that this program makes. */
  knows: number
  bytes: number
  /** Rows by table. */
  counts: Record<string, number>
  /** What is wrong, one line each; none when it is sound. */
  problems: string[]
}

/** The tables that are counted. */
export const COUNTED = ['projects', 'tasks', 'runs', 'run_events', 'workers', 'api_keys'] as const

/** What is wrong with a version that this program does not know. */
export const newer = (version: number, knows: number) =>
  version > knows ? [`it was made by a newer agent-runner: its version is ${version}, this one knows ${knows}`] : []
