import type { Config } from '../../config/config.ts'
import { EVERYTHING } from '../../config/trust/refusal.ts'
import { asRunnerError, RunnerError } from '../../core/errors.ts'
import type { StampedEvent } from '../../core/event.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { requireRoom } from '../../machine/limits/required-room.ts'
import { openStateFolder } from '../../machine/locks/state-folder.ts'
import { selfCommand } from '../../machine/process/self.ts'
import { reapAsInit } from '../../machine/process/subreaper.ts'
import { Stops } from '../../runner/shutdown.ts'
import { startServer } from '../../server/server.ts'
import type { CommandIo } from '../command/command-io.ts'
import { configToAct } from '../command/configuration.ts'
import { version } from '../command/version.ts'
import { chooseFormat, openPrinter } from '../output/printer.ts'
import { startHousekeeping } from '../run/housekeeping.ts'
import { listenToSignals } from '../run/signals.ts'
import { openTimeline } from '../run/timeline.ts'
import { greeting, openAccess } from '../server/access.ts'
import { openConfiguredPlane } from '../server/database.ts'
import { faultLine } from '../server/serve.ts'
import { runLane } from './lane.ts'
import { lanesOf } from './lanes.ts'

type Flags = Record<string, unknown> & { lanes?: string; json?: boolean; openToThisMachine?: boolean }

/** The role of runs that name none, so that the easy way works. */
const ROLE = 'fullstack_dev'
const MOST_LANES = 64

/**
 * `up`: the server and its lanes, until all lanes are asked to end. Returns the exit code. A lane that cannot go on says why, and the
 * others go on; when none is left, the server ends.
 */
export async function up(flags: Flags, io: CommandIo): Promise<number> {
  requireRoom()
  reapAsInit()
  const base = await configToAct(flags, io, EVERYTHING)
  const { home, host, port, corsOrigins, allowedHosts, publicUrl, trustProxy, rateLimit, keepEvents, keepLogs, logFormat } = base.values
  const configs = laneConfigs(base, countOf(flags.lanes))
  const tightened = openStateFolder(home, selfCommand())
  const plane = await openConfiguredPlane(base, io)
  const stops = new Stops()
  const alive = new Set(configs.map(({ values }) => values.agentId ?? ''))
  try {
    const server = await startServer({
      ...{ controlPlane: plane, host, port, corsOrigins, allowedHosts, publicUrl, trustProxy, rateLimit },
      version: version(),
      openToThisMachine: flags.openToThisMachine === true,
      keep: { eventDays: keepEvents, logDays: keepLogs },
      lanes: lanesOf(configs, alive, plane),
      onFault: (error, where) => io.stderr.write(`${faultLine(error, where)}\n`),
    })
    const access = openAccess(server, home, io)
    const { url, owner } = server
    const listening = { url, database: plane.url, keys: owner !== null, key_file: access.file, lanes: [...alive] }
    io.stdout.write(flags.json ? `${JSON.stringify(listening)}\n` : greeting(server, access, plane.url, io))
    const printer = await openPrinter(chooseFormat(flags.json ? 'json' : logFormat, io.stdout as { isTTY?: boolean }, io.env), io.stdout, {
      verbose: base.values.verbose === 'yes',
    })
    const show = (event: StampedEvent) => printer.print(event)
    const say = openTimeline('up', openRunFiles(home), show)
    const deaf = listenToSignals(stops, say)
    const endHousekeeping = startHousekeeping(base.values, message => say({ type: 'warning', message }))
    for (const message of tightened) say({ type: 'warning', message })
    try {
      const codes = await Promise.all(
        configs.map(async config => {
          const id = config.values.agentId ?? ''
          try {
            return await runLane({ config, flags, env: io.env, cwd: io.cwd, plane, stops, show })
          } catch (thrown) {
            const { message, advice, exitCode } = asRunnerError(thrown)
            say({ type: 'warning', message: `the lane ${id} has ended: ${message}`, advice })
            return exitCode
          } finally {
            alive.delete(id)
          }
        }),
      )
      return Math.max(...codes)
    } finally {
      endHousekeeping()
      deaf()
      access.close()
      await server.close()
      printer.close()
    }
  } finally {
    await plane.close()
  }
}

function countOf(text = '1'): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= MOST_LANES) return count
  throw new RunnerError('USAGE', `--lanes ${text}: expected a whole number from 1 to ${MOST_LANES}`)
}

/** Each lane is an agent of its own. */
function laneConfigs(base: Config, count: number): Config[] {
  const { agentId, role } = base.values
  return Array.from({ length: count }, (_, n) => ({
    ...base,
    values: { ...base.values, agentId: `${agentId ?? 'lane'}-${n + 1}`, role: role ?? ROLE, tracker: 'embedded' as const },
  }))
}
