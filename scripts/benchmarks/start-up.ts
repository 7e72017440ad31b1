import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './program.ts'
import { type Row, sideBySide } from './row.ts'
import { Sandbox } from './sandbox.ts'

/** Start-up of the program ÷ an empty script on the same Node. */
export async function startUp(program: string): Promise<Row[]> {
  const sandbox = new Sandbox()
  try {
    const empty = join(sandbox.folder, 'empty.cjs')
    writeFileSync(empty, '')
    const there = { cwd: sandbox.repo, env: sandbox.env }
    const ms = await sideBySide(30, {
      empty: () => run([process.execPath, empty], there),
      version: () => run([program, '--version'], there),
      help: () => run([program, '--help'], there),
    })
    const row = (what: string, time: number): Row => ({
      what: `start-up: ${what} ÷ an empty script on the same Node`,
      value: time / ms.empty,
      unit: '',
      aim: 1.5,
      limit: 1.8,
      detail: `${time.toFixed(1)} ms ÷ ${ms.empty.toFixed(1)} ms`,
    })
    return [row('--version', ms.version), row('--help', ms.help)]
  } finally {
    sandbox.remove()
  }
}
