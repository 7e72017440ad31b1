/*
 * The entry. Programs that are started by this one come first, so that they load nothing of the command line: a
 * supervisor lives as long as its agent and should cost little.
 */
const [word = '', argument = ''] = process.argv.slice(2)

if (word === 'supervise') {
  void import('../system/supervisor.ts').then(async ({ supervise }) => process.exit(await supervise(argument)))
} else if (word === 'shipped-hook') {
  void import('./shipped-hook.ts').then(({ runShippedHook }) => runShippedHook(argument))
} else if (word === 'exec-module') {
  void import('./shipped-hook.ts').then(({ execModule }) => execModule(argument))
} else {
  void import('./program.ts').then(({ main }) => main(process.argv))
}
