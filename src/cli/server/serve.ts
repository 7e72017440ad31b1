import { loadConfig } from '../../config/load.ts'
import { startServer } from '../../control-plane/server.ts'
import type { CommandIo } from '../command-io.ts'
import { endedByUser } from '../command-io.ts'
import { version } from '../version.ts'
import { openConfiguredPlane } from './database.ts'

type Flags = Record<string, unknown> & { json?: boolean; requireKeys?: boolean }

/** `server`: serves until TERM or INT, and answers the exit code. */
export async function serve(flags: Flags, io: CommandIo): Promise<number> {
  const config = await loadConfig({ flags, env: io.env, cwd: io.cwd })
  const { host, port, corsOrigins, allowedHosts, rateLimit, keepEvents, keepLogs } = config.values
  // From here on a signal ends us in good order.
  const user = endedByUser()
  const controlPlane = await openConfiguredPlane(config, io)
  try {
    const server = await startServer({
      ...{ controlPlane, host, port, corsOrigins, allowedHosts, rateLimit },
      version: version(),
      keysRequired: flags.requireKeys === true,
      keep: { eventDays: keepEvents, logDays: keepLogs },
      onFault: (error, where) => io.stderr.write(`${faultLine(error, where)}\n`),
    })
    const { url, open } = server
    io.stdout.write(
      flags.json ? `${JSON.stringify({ url, database: controlPlane.url, keys: !open })}\n` : greeting(url, open, controlPlane.url),
    )
    await new Promise<void>(resolve => (user.signal.aborted ? resolve() : user.signal.addEventListener('abort', () => resolve())))
    await server.close()
    return 0
  } finally {
    user.off()
    await controlPlane.close()
  }
}

/** What people are told at the start. */
export function greeting(url: string, open: boolean, database: string): string {
  const who = open ? 'open to everybody on this machine' : 'with keys'
  return `Agent Runner ${version()} serves ${url} (${who}; database: ${database})\nThe API: ${url}/docs\n`
}

/** A failure of our own, for the log. */
export const faultLine = (error: unknown, where: string) =>
  `${new Date().toISOString()} ${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
