import { parseArgs } from 'node:util'
import { agentfaults } from './attacks/agentfaults.ts'
import { clients } from './attacks/clients.ts'
import { evidence } from './attacks/evidence.ts'
import { foreignGit } from './attacks/foreign-git.ts'
import type { Part, Verdict } from './attacks/frame.ts'
import { isolation } from './attacks/isolation.ts'
import { limits } from './attacks/limits.ts'
import { processes } from './attacks/processes.ts'
import { secrets } from './attacks/secrets.ts'
import { server } from './attacks/server.ts'
import { shortage } from './attacks/shortage.ts'
import { Stage } from './attacks/stage.ts'
import { tasks } from './attacks/tasks.ts'
import { terminals } from './attacks/terminals.ts'
import { trust } from './attacks/trust.ts'
import { usersWork } from './attacks/users-work.ts'

/*
 * The proof of SECURITY.md: each attack gets a stage of its own (state folder, repository, environment), does its worst to
 * the built program, and says what it saw.
 */

const PARTS: Part[] = [
  tasks,
  terminals,
  shortage,
  evidence,
  server,
  processes,
  agentfaults,
  limits,
  trust,
  secrets,
  isolation,
  foreignGit,
  clients,
  usersWork,
]

interface Row extends Verdict {
  part: string
  name: string
  seconds: number
}

const { values, positionals } = parseArgs({
  options: { list: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const chosen = PARTS.flatMap(part => part.attacks.map(attack => ({ part: part.name, attack }))).filter(
  ({ part, attack }) => positionals.length === 0 || positionals.some(word => part.includes(word) || attack.name.includes(word)),
)
if (chosen.length === 0) throw new Error(`no attack has one of these words in its name: ${positionals.join(' ')}`)

if (values.list) for (const { part, attack } of chosen) console.log(`${part.padEnd(12)} ${attack.name}`)
else await runAll()

async function runAll(): Promise<void> {
  const rows: Row[] = []
  for (const { part, attack } of chosen) {
    const began = performance.now()
    const stage = new Stage()
    let verdict: Verdict
    try {
      verdict = await attack.run(stage)
    } catch (failure) {
      verdict = { held: false, seen: failure instanceof Error ? failure.message : String(failure) }
    } finally {
      await stage.remove()
    }
    const row = { part, name: attack.name, ...verdict, seconds: Math.round(performance.now() - began) / 1000 }
    rows.push(row)
    if (!values.json) print(row)
  }
  const broken = rows.filter(row => !row.held).length
  if (values.json) console.log(JSON.stringify(rows, null, 2))
  else console.log(`\n${rows.length - broken} held, ${broken} broken`)
  process.exitCode = broken === 0 ? 0 : 1
}

function print({ held, part, name, seen, seconds }: Row): void {
  console.log(
    `${held ? 'held  ' : 'BROKEN'} ${part.padEnd(12)} ${name}  (${seconds.toFixed(1)} s)\n${' '.repeat(20)}${seen.replaceAll('\n', ' ↵ ')}`,
  )
}
