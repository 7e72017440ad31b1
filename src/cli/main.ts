import { hideOwnSecrets } from '../system/own-secrets.ts'

/*
 * The entry. Programs that are started by this one come first, so that they load nothing of the command line: a
 * supervisor lives as long as its agent and should cost little.
 */
/** Commands that are over at once, or whose environment was made by us. */
const SHORT = new Set(
  '-h --help -V --version help completion config init task status logs keys db supervise try-lock shipped-hook exec-module'.split(' '),
)
// Before anything is loaded that would have to be loaded again.
if (!SHORT.has(process.argv[2] ?? '')) hideOwnSecrets()

const [word = '', argument = ''] = process.argv.slice(2)

if (word === 'supervise') {
  void import('../system/supervisor.ts').then(async ({ supervise }) => process.exit(await supervise()))
} else if (word === 'try-lock') {
  void import('../system/lock-trial.ts').then(({ trySecond }) => process.exit(trySecond(argument)))
} else if (word === 'shipped-hook') {
  void import('./hooks/shipped-hook.ts').then(({ runShippedHook }) => runShippedHook(argument))
} else if (word === 'exec-module') {
  void import('./hooks/shipped-hook.ts').then(({ execModule }) => execModule(argument))
} else {
  // What was asked for is done: a timer that a library left behind (simple-git's waits 2 s after each command) keeps nobody
  // waiting. What is still on its way to a slow reader is waited for.
  const exit = (flush: boolean) => (flush ? process.stdout.write('', () => process.stderr.write('', () => process.exit())) : process.exit())
  void import('./program.ts').then(({ main }) => main(process.argv)).then(exit)
}
