import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { control } from './benchmarks/control.ts'
import { history } from './benchmarks/history.ts'
import { memory } from './benchmarks/memory.ts'
import type { Row } from './benchmarks/row.ts'
import { server } from './benchmarks/server.ts'
import { startUp } from './benchmarks/start-up.ts'
import { waiting } from './benchmarks/waiting.ts'
import { wholeTask } from './benchmarks/whole-task.ts'

const program = process.env.AGENT_RUNNER ?? fileURLToPath(new URL('../dist/agent-runner', import.meta.url))
const measurements = { 'start-up': startUp, task: wholeTask, waiting, memory, history, control, server }

const { positionals: chosen, values } = parseArgs({ allowPositionals: true, options: { scale: { type: 'string', default: '1' } } })
// How much history the server has: 1 is 100,000 runs and 2 million events.
const scale = Number(values.scale)
const unknown = chosen.filter(name => !(name in measurements))
if (unknown.length > 0 || !(scale > 0)) {
  console.error(`Usage: scripts/bench [${Object.keys(measurements).join(' | ')}]… [--scale 0.1]`)
  process.exit(2)
}

const number = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(1))
const verdict = (row: Row) => (row.value <= row.aim ? 'ok' : row.value <= row.limit ? 'over the aim' : 'OVER THE LIMIT')

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}\n`)
console.log(`${'what'.padEnd(62)} ${'value'.padStart(9)}  ${'aim'.padStart(6)} ${'limit'.padStart(6)}  verdict`)
for (const [name, measure] of Object.entries(measurements)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  for await (const row of await measure(program, scale)) {
    const value = `${number(row.value)}${row.unit}`
    console.log(
      `${row.what.padEnd(62)} ${value.padStart(9)}  ${String(row.aim).padStart(6)} ${String(row.limit).padStart(6)}  ${verdict(row)}`,
    )
    if (row.detail) console.log(`  ${row.detail}`)
    if (row.value > row.limit) process.exitCode = 1
  }
}
