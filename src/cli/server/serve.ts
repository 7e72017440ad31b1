import { SERVER } from '../../config/trust/refusal.ts'
import { redact, redactDocument } from '../../core/redaction.ts'
import { requireRoom } from '../../machine/limits/required-room.ts'
import { reapAsInit } from '../../machine/process/subreaper.ts'
import { startServer } from '../../server/server.ts'
import type { CommandIo } from '../command/command-io.ts'
import { endedByUser } from '../command/command-io.ts'
import { configToAct } from '../command/configuration.ts'
import { version } from '../command/version.ts'
import { reveal } from '../output/guard.ts'
import { greeting, openAccess } from './access.ts'
import { openConfiguredPlane } from './database.ts'

type Flags = Record<string, unknown> & { json?: boolean; openToThisMachine?: boolean }

/** `server`: serves until TERM or INT, and returns the exit code. */
export async function serve(flags: Flags, io: CommandIo): Promise<number> {
  requireRoom()
  reapAsInit()
  const config = await configToAct(flags, io, SERVER)
  const { home, host, port, corsOrigins, allowedHosts, publicUrl, trustProxy, rateLimit, keepEvents, keepLogs } = config.values
  // From here on a signal ends the server in good order.
  const user = endedByUser()
  const controlPlane = await openConfiguredPlane(config, io)
  try {
    const server = await startServer({
      ...{ controlPlane, host, port, corsOrigins, allowedHosts, publicUrl, trustProxy, rateLimit },
      version: version(),
      openToThisMachine: flags.openToThisMachine === true,
      keep: { eventDays: keepEvents, logDays: keepLogs },
      onFault: (error, where) => io.stderr.write(`${faultLine(error, where)}\n`),
    })
    const access = openAccess(server, home, io)
    const { url, owner } = server
    const listening = { url, database: controlPlane.url, keys: owner !== null, key_file: access.file }
    reveal(
      io.stdout,
      flags.json ? `${JSON.stringify(redactDocument(listening))}\n` : greeting(server, access, redact(controlPlane.url), io),
    )
    await new Promise<void>(resolve => (user.signal.aborted ? resolve() : user.signal.addEventListener('abort', () => resolve())))
    access.close()
    await server.close()
    return 0
  } finally {
    user.off()
    await controlPlane.close()
  }
}

/** A failure of our own, for the log. */
export const faultLine = (error: unknown, where: string) =>
  redact(`${new Date().toISOString()} ${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
