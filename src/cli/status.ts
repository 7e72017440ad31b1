import type { Command } from 'commander'
import { type CommandIo, endedByUser, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `status`. */
export function statusCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('status')
    .description('every agent on this machine: what it does, since when, and what failed runs left')
    .option('--watch', 'draw anew every second until Ctrl-C')
    .option('--json', 'print one JSON document; with --watch one line per second')
  addRunOptions(command, ['repo', 'home']).action(async (_flags, called: Command) => {
    const [{ loadConfig }, { NOTHING }, { showStatus }] = await Promise.all([
      import('../config/load.ts'),
      import('../config/trust/refusal.ts'),
      import('./status/show.ts'),
    ])
    const { home, repo, json = false, watch = false } = called.optsWithGlobals()
    const place = io()
    const { values } = await loadConfig({ flags: { home, repo }, env: place.env, cwd: place.cwd }, NOTHING)
    const user = endedByUser()
    await showStatus({ home: values.home, json, watch }, place, user.signal).finally(user.off)
  })
}
