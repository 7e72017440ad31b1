import { type DatabaseConnection, type Dialect, Kysely } from 'kysely'
import type { Schema } from './schema.ts'

/**
 * Kysely over a dialect, and over one connection of it for the time of a transaction. There each statement goes to the connection when it is
 * asked for and waits for no other's answer, so that several can be on their way, in their order.
 */
export function kyselyOn(dialect: Dialect) {
  const config = { dialect }
  const db = new Kysely<Schema>(config)
  const executor = db.getExecutor()
  // Kysely asks for it, and uses it only for its own transactions.
  const driver = dialect.createDriver()
  return {
    db,
    pinnedTo: (connection: DatabaseConnection) =>
      new Kysely<Schema>({
        ...{ config, dialect, driver },
        executor: executor.withConnectionProvider({ provideConnection: consumer => consumer(connection) }),
      }),
  }
}

export type Pinning = ReturnType<typeof kyselyOn>
