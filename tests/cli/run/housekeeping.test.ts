import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startHousekeeping } from '../../../src/cli/run/housekeeping.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { newRunId } from '../../../src/core/ids.ts'
import { lockFilePath } from '../../../src/machine/journal/lock-file.ts'
import { openStateFolder } from '../../../src/machine/locks/state-folder.ts'
import { gitRepo } from '../../support/git-repo.ts'
import { SELF } from '../../support/program.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

/** A state folder with one run that ended so many days ago. */
function withOldRun(days: number) {
  const home = tempFolder()
  openStateFolder(home, [])
  const run = join(home, 'runs', newRunId())
  mkdirSync(run)
  writeFileSync(join(run, 'result.json'), '{}')
  const at = Date.now() / 1000 - days * 86_400
  utimesSync(join(run, 'result.json'), at, at)
  return { home, run }
}

test('the limits are those of the configuration', async () => {
  const { home, run } = withOldRun(3)
  const config = await loadConfig({ flags: {}, env: { HEADLESS_PM_HOME: home, HEADLESS_PM_KEEP_RUNS_DAYS: '2' }, cwd: home })
  const end = startHousekeeping(config.values, message => expect.fail(message))
  await waitFor('the old run deleted', () => !existsSync(run))
  // It is over once it has noted down when it looked; before that its folder is still in use.
  await waitFor('noted down', () => existsSync(join(home, 'runs', '.pruned')))
  end()
})

test('what stands in the way is told', async () => {
  const { home, run } = withOldRun(300)
  writeFileSync(lockFilePath(home, 'dev_009'), 'not JSON')
  const config = await loadConfig({ flags: {}, env: { HEADLESS_PM_HOME: home }, cwd: home })
  const told: string[] = []
  const end = startHousekeeping(config.values, message => told.push(message))
  await waitFor('told', () => told.length > 0)
  end()
  expect(told[0]).toContain('agent-dev_009.lock')
  expect(existsSync(run)).toBe(true)
})

test('a runner deletes old runs beside its work', async () => {
  const { home, run } = withOldRun(300)
  const [file = '', ...args] = [...SELF, '--role', 'qa', '--agent-id', 'qa_001', '--tracker', 'embedded']
  const env = { PATH: process.env.PATH, HOME: home, HEADLESS_PM_HOME: home }
  const runner = spawn(file, args, { cwd: gitRepo(), env, stdio: 'ignore' })
  onTestFinished(() => void runner.kill('SIGKILL'))
  await waitFor('the old run deleted', () => !existsSync(run))
  runner.kill('SIGTERM')
  expect((await once(runner, 'exit'))[0]).toBe(0)
})
