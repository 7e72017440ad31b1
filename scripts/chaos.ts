import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/*
 * The proof of the promise as one table: the kill matrix (points × what is killed × new, recovered, twice recovered × trackers) of the
 * crash tests, and random faults by the built program itself.
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const options = { quick: { type: 'boolean' }, write: { type: 'boolean' }, seed: { type: 'string' } } as const
const { quick = false, write = false, seed = '1' } = parseArgs({ options }).values
const scratch = mkdtempSync(join(tmpdir(), 'agent-runner-chaos-table-'))
const path = `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`

interface Matrix {
  numTotalTests: number
  numFailedTests: number
}

interface Chaos {
  ok: boolean
  seed: number
  cases: number
  strikes: number
  askedAgain: number
  bytesLost: number
  promises: { says: string; checked: number; failed: number }[]
  recoveryMs: { count: number; p50: number | null; p99: number | null }
  many: { runs: number; workMs: number; wallMs: number; atOnce: number } | null
  findings: { round: string; says: string }[]
}

/** The matrix, which prints as it goes. */
function matrix(): Matrix {
  const report = join(scratch, 'matrix.json')
  const args = ['run', 'tests/crash/matrix-', '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`]
  const env = { ...process.env, PATH: path, ...(quick ? {} : { KILL_MATRIX: 'full' }) }
  spawnSync(join(root, 'node_modules/.bin/vitest'), args, { cwd: root, env, stdio: 'inherit' })
  return JSON.parse(readFileSync(report, 'utf8'))
}

/** Random faults, by the built program on itself. */
function chaos(): Chaos {
  const size = quick ? ['--cases', '12', '--unfinished', '20'] : ['--cases', '100', '--unfinished', '100']
  const args = ['chaos', ...size, '--seed', seed, '--json']
  const { stdout } = spawnSync(join(root, 'dist/agent-runner'), args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  })
  return JSON.parse(stdout)
}

function tableOf(tests: Matrix, done: Chaos): string {
  const { recoveryMs, many } = done
  const rows: [string, string | number][] = [
    [`kill matrix${quick ? ', a part' : ''}: cases`, tests.numTotalTests],
    ['kill matrix: failures', tests.numFailedTests],
    [`\`agent-runner chaos --seed ${done.seed}\`, tasks`, done.cases],
    ['faults that hit', done.strikes],
    ...done.promises.map(({ says, checked, failed }, n): [string, string] => [`${n + 1}. ${says}`, `${failed} of ${checked} failed`]),
    [`recovery time of ${recoveryMs.count} recoveries, p50`, `${recoveryMs.p50} ms`],
    ['recovery time, p99', `${recoveryMs.p99} ms`],
    ["requests to the model made again while the attempt's supervisor lived", done.askedAgain],
    ['bytes of work lost', done.bytesLost],
    ...(many
      ? ([
          [`recovery of ${many.runs} unfinished runs, the work of all runners`, `${many.workMs} ms`],
          [`the same until all were told, ${many.atOnce} at a time, programs' starts included`, `${many.wallMs} ms`],
        ] satisfies [string, string][])
      : []),
  ]
  const command = `scripts/chaos${quick ? ' --quick' : ''}${seed === '1' ? '' : ` --seed ${seed}`}`
  return [`Made by \`${command}\`:`, '', '| measured | |', '|---|---|', ...rows.map(([what, value]) => `| ${what} | ${value} |`)].join('\n')
}

try {
  const tests = matrix()
  const done = chaos()
  const table = tableOf(tests, done)
  console.log(`\n${table}\n`)
  for (const { round, says } of done.findings) console.log(`NOT HELD, ${round}: ${says}`)
  if (tests.numFailedTests > 0 || !done.ok) process.exitCode = 1
  if (write) {
    const readme = join(root, 'README.md')
    const text = readFileSync(readme, 'utf8')
    if (!/<!-- chaos -->[\s\S]*<!-- \/chaos -->/.test(text)) throw new Error('README.md has no place for the table')
    writeFileSync(
      readme,
      text.replace(/<!-- chaos -->[\s\S]*<!-- \/chaos -->/, () => `<!-- chaos -->\n${table}\n<!-- /chaos -->`),
    )
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
