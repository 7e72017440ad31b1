import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import { controlPlaneKeepsItsPromises, type Database } from '../contracts/control-plane.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const BUSY = 5

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
    // Waiting inside of SQLite would block the thread on which a transaction of this process has yet to end.
    async ask(sql) {
      database ??= new DatabaseSync(url, { timeout: 0 })
      return waitFor('the database', () => {
        try {
          return database!
            .prepare(sql)
            .all()
            .map(row => ({ ...row }))
        } catch (error) {
          if ((error as { errcode?: number }).errcode === BUSY) return null
          throw error
        }
      })
    },
  }
})
