import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { outcomeText } from '../src/cli/chaos/view.ts'
import { soak } from '../tests/support/soak/soak.ts'

/* The soak of the built program as a table. */

const options = { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } } as const
const { minutes, seed } = parseArgs({ options }).values
const program = join(fileURLToPath(new URL('..', import.meta.url)), 'dist/agent-runner')
const outcome = await soak({
  seconds: Number(minutes) * 60,
  seed: Number(seed),
  self: [program],
  env: process.env,
  say: text => console.error(text),
})
console.log(outcomeText(outcome))
if (outcome.findings.length > 0) process.exitCode = 1
