import { resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { type ControlPlane, openControlPlane } from '../../control-plane/control-plane.ts'
import { isPostgres } from '../../control-plane/store.ts'
import type { CommandIo } from '../command-io.ts'
import { openHome } from '../open-home.ts'
import { boardFile } from '../task/embedded-board.ts'

/** The configured database of the control plane: a PostgreSQL address, or the path of a SQLite file, relative to `cwd`. */
export function databaseOf({ values }: Config, cwd: string): string {
  if (values.database === null) return boardFile(values.home)
  return isPostgres(values.database) ? values.database : resolve(cwd, values.database)
}

/** Opens the configured control plane. Says on stderr what had to be changed in the state folder. Throws STATE_UNUSABLE. */
export async function openConfiguredPlane(config: Config, io: Pick<CommandIo, 'cwd' | 'stderr'>): Promise<ControlPlane> {
  if (config.values.database === null) openHome(config.values.home, io)
  return openControlPlane(databaseOf(config, io.cwd))
}
