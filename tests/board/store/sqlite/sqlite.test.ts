import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import { controlPlaneKeepsItsPromises, type Database } from '../../../contracts/control-plane.ts'
import { onceFree } from '../../../support/rows.ts'
import { tempFolder } from '../../../support/temp.ts'

controlPlaneKeepsItsPromises('SQLite', async (): Promise<Database> => {
  const url = join(tempFolder(), 'agent-runner.db')
  let database: DatabaseSync | undefined
  onTestFinished(() => database?.close())
  return {
    url,
    async plan(sql, parameters) {
      database ??= new DatabaseSync(url, { timeout: 0 })
      const steps = database.prepare(`explain query plan ${sql}`).all(...(parameters as string[]))
      return steps.map(step => step.detail).join('\n')
    },
    async ask(sql) {
      database ??= new DatabaseSync(url, { timeout: 0 })
      const own = database
      return onceFree(() =>
        own
          .prepare(sql)
          .all()
          .map(row => ({ ...row })),
      )
    },
  }
})
