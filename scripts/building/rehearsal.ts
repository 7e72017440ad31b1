import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { startHeadlessPm } from '../../tests/support/headless-pm-server.ts'
import { addPmTask } from '../benchmarks/pm-task.ts'
import { Sandbox } from '../benchmarks/sandbox.ts'
import { framed } from './chunk-loader.ts'
import type { Chunk } from './chunks.ts'

const run = promisify(execFile)

/**
 * Runs the program a few times with an agent that does nothing, so that `folder` holds for each chunk its framed text and, with
 * the ending `.compiled`, what V8 made of it. Answers what went wrong, if anything; the program is then whole, only slower to start.
 */
export async function rehearse(root: string, chunks: Chunk[], folder: string): Promise<string | null> {
  mkdirSync(folder, { recursive: true })
  for (const { name, text } of chunks) writeFileSync(join(folder, name), framed(text))
  const rehearsal = join(folder, 'rehearsal.cjs')
  const entryPoints = [join(root, 'scripts/building/rehearsal-main.ts')]
  await build({ entryPoints, outfile: rehearsal, bundle: true, platform: 'node', format: 'cjs', target: 'node26', logLevel: 'warning' })

  const pm = await startHeadlessPm({ key: 'rehearsal' })
  const sandbox = new Sandbox({ HEADLESS_PM_API_URL: pm.url, HEADLESS_PM_API_KEY: 'rehearsal' })
  const say = (...args: string[]) => run(process.execPath, [rehearsal, ...args], { cwd: sandbox.repo, env: sandbox.env, timeout: 30_000 })
  const embedded = ['--tracker', 'embedded']
  try {
    await say('--help')
    await say('--version')
    addPmTask(pm.board, 'major')
    await say(...sandbox.runner('pm', '--single-task'))
    await say('task', 'add', '--title', 'One', '--role', 'backend_dev', '--complexity', 'minor', ...embedded)
    await say(...sandbox.runner('embedded', '--single-task', ...embedded))
    await say('task', 'list', ...embedded)
    await say('status')
    await say('status', '--json')
    for (const hook of ['pre_task', 'post_task', 'health_check']) await say('hooks', 'run', hook).catch(() => {})
    return null
  } catch (error) {
    return (error as Error).message
  } finally {
    await pm.close()
    sandbox.remove()
  }
}
