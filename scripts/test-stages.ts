import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Count {
  passed: number
  failed: number
}

interface Stage {
  name: string
  /** Several of them run at the same time, as many as there are lanes; the longest come first. */
  commands: [string, ...string[]][]
  /** Tests that ran, from what the stage printed or wrote; stages without tests have none. */
  count?: (output: string) => Count
  /** Part of `npm test`. */
  quick: boolean
}

interface Ended {
  code: number | null
  output: string
}

interface Outcome extends Count {
  stage: Stage
  ok: boolean
  seconds: number
}

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'agent-runner-stages-'))
const vitestReport = join(scratch, 'vitest.json')
/** Commands of a stage that run at the same time: those of bats wait as much as they work. */
const LANES = Math.min(8, availableParallelism() + 1)
const quick = process.argv.includes('--quick')
/** Parts of paths of test files, and options of vitest: with any of them only vitest runs, on these files alone. */
const chosen = process.argv.slice(2).filter(word => word !== '--quick')

const STAGES: Stage[] = [
  { name: 'build', commands: [['scripts/build']], quick: false },
  { name: 'format and lint', commands: [['biome', 'check', '--error-on-warnings', '.']], quick: true },
  { name: 'types', commands: [['tsc', '-p', '.']], quick: true },
  { name: 'architecture', commands: [['depcruise', 'src', 'hooks', '--config', '.dependency-cruiser.cjs']], quick: true },
  { name: 'nothing unused', commands: [['knip']], quick: true },
  {
    name: 'vitest',
    commands: [['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${vitestReport}`, ...chosen]],
    count: countVitest,
    quick: true,
  },
  { name: 'bats', commands: batsFiles().map(bats), count: countTap, quick: false },
]

/** The files of bats, the longest first. bats itself runs one test after the other, and half of the time waits. */
function batsFiles(): string[] {
  const names = readdirSync(join(root, 'tests/bats')).filter(name => name.endsWith('.bats'))
  return names.map(name => join('tests/bats', name)).sort((a, b) => statSync(join(root, b)).size - statSync(join(root, a)).size)
}

function bats(file: string): [string, ...string[]] {
  return ['node_modules/bats/bin/bats', '--formatter', 'tap', '--timing', file]
}

/** Tests that passed and failed, by vitest's own JSON report. A report that is missing counts nothing: the exit code tells. */
function countVitest(): Count {
  try {
    const report = JSON.parse(readFileSync(vitestReport, 'utf8')) as { numPassedTests: number; numFailedTests: number }
    return { passed: report.numPassedTests, failed: report.numFailedTests }
  } catch {
    return { passed: 0, failed: 0 }
  }
}

/** Tests that passed and failed, by lines of the Test Anything Protocol. Skipped ones count as neither. */
function countTap(output: string): Count {
  const results = output.split('\n').filter(line => /^(not )?ok \d/.test(line) && !/ # skip/i.test(line))
  const failed = results.filter(line => line.startsWith('not ')).length
  return { passed: results.length - failed, failed }
}

/** What runs, so that a signal to us ends it too. */
const running = new Set<ChildProcess>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    for (const child of running) child.kill(signal)
    process.exitCode = 130
    stopped = true
  })
let stopped = false

/** Runs one stage. Stages with tests are shown as they run, the others only when they fail. */
async function run(stage: Stage): Promise<Outcome> {
  const shown = stage.count !== undefined
  const started = performance.now()
  console.log(`\n── ${stage.name}`)
  const waiting = [...stage.commands]
  const ended: Ended[] = []
  const lane = async () => {
    for (let next = waiting.shift(); next && !stopped; next = waiting.shift()) ended.push(await runCommand(next, shown))
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  const output = ended.map(each => each.output).join('')
  const counted = stage.count?.(output) ?? { passed: 0, failed: 0 }
  // A name that no test has is a mistake of whoever chose it, and no success.
  const isEmpty = chosen.length > 0 && counted.passed + counted.failed === 0
  const ok = !stopped && ended.every(each => each.code === 0) && counted.failed === 0 && !isEmpty
  if (!ok && !shown) process.stdout.write(output)
  const seconds = (performance.now() - started) / 1000
  console.log(`   ${ok ? 'ok' : 'FAILED'} after ${seconds.toFixed(1)} s`)
  // A stage that failed without a failed test (lint, or a crash of the test program itself) is one failure.
  return { stage, ok, seconds, passed: counted.passed, failed: ok ? 0 : Math.max(1, counted.failed) }
}

/** Runs one command of a stage. */
function runCommand([file, ...args]: [string, ...string[]], shown: boolean): Promise<Ended> {
  return new Promise(resolve => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
        AGENT_RUNNER: join(root, 'dist/agent-runner'),
        ...(process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: undefined }),
      },
    })
    running.add(child)
    let output = ''
    const take = (chunk: string) => {
      output += chunk
      if (shown) process.stdout.write(chunk)
    }
    child.stdout.setEncoding('utf8').on('data', take)
    child.stderr.setEncoding('utf8').on('data', take)
    child.once('error', error => {
      output += `${error.message}\n`
    })
    child.once('close', code => {
      running.delete(child)
      resolve({ code, output })
    })
  })
}

const outcomes: Outcome[] = []
for (const stage of STAGES) {
  if (stopped || (chosen.length > 0 ? stage.name !== 'vitest' : quick && !stage.quick)) continue
  outcomes.push(await run(stage))
}
rmSync(scratch, { recursive: true, force: true })

console.log('')
for (const { stage, ok, seconds, passed, failed } of outcomes)
  console.log(
    `${ok ? 'ok    ' : 'FAILED'} ${stage.name.padEnd(16)} ${seconds.toFixed(1).padStart(6)} s${stage.count ? `  ${passed} passed, ${failed} failed` : ''}`,
  )
const sum = (key: 'passed' | 'failed') => outcomes.reduce((total, outcome) => total + outcome[key], 0)
if (outcomes.some(outcome => !outcome.ok)) process.exitCode ||= 1
console.log(`${sum('passed')} passed, ${sum('failed')} failed`)
