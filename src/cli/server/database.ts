import { resolve } from 'node:path'
import { type ControlPlane, openControlPlane } from '../../board/control-plane.ts'
import { isPostgres } from '../../board/store/store.ts'
import type { Config } from '../../config/config.ts'
import { RunnerError } from '../../core/errors.ts'
import type { CommandIo } from '../command/command-io.ts'
import { openHome } from '../command/open-home.ts'
import { boardFile } from '../task/embedded-board.ts'

/** The configured database of the control plane: a PostgreSQL address, or the path of a SQLite file, relative to `cwd`. */
export function databaseOf({ values }: Config, cwd: string): string {
  if (values.database === null) return boardFile(values.home)
  if (isPostgres(values.database)) return values.database
  return resolve(cwd, fileOf(values.database))
}

/**
 * The path in a database URL of SQLite: `sqlite:///board.db` is a relative one, `sqlite:////srv/board.db` an absolute one, as in
 * SQLAlchemy. A value that is no URL is a path. Throws CONFIG_INVALID for other databases.
 */
function fileOf(database: string): string {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(database) ?? []
  if (scheme === undefined || rest === undefined) return database
  const path = /^sqlite(\+\w+)?$/i.test(scheme) ? /^\/\/\/(.+)$/.exec(rest)?.[1] : undefined
  // A URL may contain a password, so only its scheme is shown.
  if (path === undefined)
    throw new RunnerError('CONFIG_INVALID', `database ${scheme}:…: expected postgres://…, sqlite:///path or the path of a SQLite file`)
  return path
}

/** Opens the configured control plane. Says on stderr what had to be changed in the state folder. Throws STATE_UNUSABLE. */
export async function openConfiguredPlane(config: Config, io: Pick<CommandIo, 'cwd' | 'env' | 'stderr'>): Promise<ControlPlane> {
  if (config.values.database === null) {
    openHome(config.values.home, io)
    // It is mostly the database of the user's own application; nothing of ours must get in there by accident.
    if (io.env.DATABASE_URL) io.stderr.write('DATABASE_URL is not used; to use another database, say --database or HEADLESS_PM_DATABASE.\n')
  }
  return openControlPlane(databaseOf(config, io.cwd), { quota: config.values.storageQuota * 1024 * 1024 })
}
