import type { Command } from 'commander'
import { type CommandIo, endedByUser, processIo } from './command/command-io.ts'
import { addRunOptions } from './command/options.ts'

/** Declares `logs`. */
export function logsCommand(program: Command, io: () => CommandIo = processIo): void {
  const command = program
    .command('logs')
    .argument('[run]', 'a run id or the start or end of one, or an agent id or task id for its newest run')
    .description('what the agent of a run is doing or did; the newest run when none is named')
    .option('-f, --follow', 'show what comes until the run ends')
    .option('--raw', "the agent CLI's own output, all attempts, without secrets")
    .option('--json', 'the events as JSON lines')
    .addHelpText('after', '\nExamples:\n  agent-runner logs -f\n  agent-runner logs dev_001\n  agent-runner logs --raw run_01jz | jq .type')
  addRunOptions(command, ['repo', 'home', 'verbose']).action(async (run: string | undefined, _flags, called: Command) => {
    const [{ loadConfig }, { NOTHING }, { showLogs }, { RunnerError }] = await Promise.all([
      import('../config/load.ts'),
      import('../config/trust/refusal.ts'),
      import('./logs/show.ts'),
      import('../core/errors.ts'),
    ])
    const { home, repo, verbose, follow = false, raw = false, json = false } = called.optsWithGlobals()
    if (raw && json) throw new RunnerError('USAGE', '--raw and --json exclude each other: raw output is JSON lines already')
    const place = io()
    const { values } = await loadConfig({ flags: { home, repo, verbose }, env: place.env, cwd: place.cwd }, NOTHING)
    const user = endedByUser()
    const what = raw ? 'raw' : json ? 'json' : 'readable'
    await showLogs({ home: values.home, run: run ?? null, follow, what, verbose: values.verbose === 'yes' }, place, user.signal).finally(
      user.off,
    )
  })
}
