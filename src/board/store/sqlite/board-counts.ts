import { DatabaseSync } from 'node:sqlite'

/** A board in numbers, without a word of what stands on it. */
export interface BoardCounts {
  /** Grows with each change of the tables. */
  schema_version: number
  sqlite: string
  /** Rows per table. */
  rows: Record<string, number>
  /** Tasks per status; empty for a board without tasks. */
  tasks: Record<string, number>
}

/** Reads the numbers of a board's SQLite file, also of a newer version, and changes nothing. Throws what SQLite says. */
export function boardCounts(file: string): BoardCounts {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 1_000 })
  try {
    const one = (sql: string) => Object.values(database.prepare(sql).get() ?? {})[0]
    const tables = database.prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'").all()
    const names = tables.map(({ name }) => String(name)).sort()
    const count = (name: string) => Number(one(`select count(*) from "${name.replaceAll('"', '""')}"`))
    const statuses = names.includes('tasks') ? database.prepare('select status, count(*) as tasks from tasks group by status').all() : []
    return {
      schema_version: Number(one('pragma user_version')),
      sqlite: String(one('select sqlite_version()')),
      rows: Object.fromEntries(names.map(name => [name, count(name)])),
      tasks: Object.fromEntries(statuses.map(({ status, tasks }) => [String(status), Number(tasks)])),
    }
  } finally {
    database.close()
  }
}
