/*
 * The entry point. Programs that this one starts come first, so that they load nothing of the command line: a supervisor lives as long as
 * its agent and should cost little.
 */
/** Commands that end at once, or whose environment we have made. */
const SHORT = new Set(
  '-h --help -V --version help completion config init task status logs keys db supervise try-lock exec-module'.split(' '),
)
const [word = '', argument = ''] = process.argv.slice(2)

/** Runs the command. Loads nothing that the command would not load itself. */
async function start(): Promise<void> {
  // Do this before anything is loaded that would have to be loaded again.
  if (!SHORT.has(word)) (await import('../machine/process/own-secrets.ts')).hideOwnSecrets()
  if (word === 'supervise') {
    const { supervise } = await import('../machine/attempts/supervisor.ts')
    process.exit(await supervise())
  }
  if (word === 'try-lock') {
    const { trySecond } = await import('../machine/locks/lock-trial.ts')
    process.exit(trySecond(argument))
  }
  if (word === 'exec-module') return (await import('./hooks/exec-module.ts')).execModule(argument)
  const { main } = await import('./program.ts')
  const flush = await main(process.argv)
  // The work is done, so a timer that a library left behind (simple-git's waits 2 s after each command) must keep nobody waiting. Output
  // that is still on its way to a slow reader is waited for.
  if (flush) process.stdout.write('', () => process.stderr.write('', () => process.exit()))
  else process.exit()
}

void start()
