import { pruneRuns } from '../../src/machine/journal/pruning.ts'

// A runner as far as its old runs go: prunes and prints what it deleted. Arguments: state folder, milliseconds, bytes.
const [home = '', olderThanMs, bytes] = process.argv.slice(2)
process.stdout.write('begun\n')
const { runs, problem } = await pruneRuns(home, { olderThanMs: Number(olderThanMs), bytes: Number(bytes) })
process.stdout.write(`${JSON.stringify({ runs, problem })}\n`)
