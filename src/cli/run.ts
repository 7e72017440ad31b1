import type { Command } from 'commander'
import { addRunOptions, TRUST_FLAG } from './command/options.ts'

/** Declares `run`, the default command: take tasks and do them. */
export function runCommand(program: Command): void {
  const run = program
    .command('run', { isDefault: true })
    .description('take tasks and do them (the default command)')
    .option('--single-task', 'do one task and exit with a code that says how it went')
    .option('--dry-run', 'say what would be taken and how, and touch nothing')
    .option('--json', 'with --dry-run: print JSON; else the same as --log-format json')
    .option(...TRUST_FLAG)
    .allowExcessArguments(false)
  addRunOptions(run)
  run.addHelpText('after', CODES).action(async flags => {
    const { runAgent } = await import('./run/run-agent.ts')
    process.exitCode = await runAgent(flags)
  })
}

const CODES = `
Exit codes:
  0 done · 1 internal fault · 2 usage · 10 task failed · 11 timed out · 12 stopped, or no longer ours · 14 nothing to do
  69 PM or model API unreachable, or unhealthy · 71 no more files or processes, or a port in use · 73 state folder or disk
  75 agent id in use · 77 not authorised · 78 bad configuration · 130 left at once, at the third request to end

Signals:
  TERM, INT   first: finish the task and take no more · second: stop the agent, keep the task · third: leave at once
  USR2        leave now; the agent goes on and the next start adopts it · HUP is ignored under nohup`
