import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { RESULT_LINE, speakingAgent } from '../support/agent-program.ts'
import { gitRepo } from '../support/git-repo.ts'
import { HANGS_MS, TEST_HANGS_MS } from '../support/patience.ts'
import { SELF } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const APART = ['-fp', '--mount-proc', '--kill-child']
const canBeInit = () => process.getuid?.() === 0 && spawnSync('unshare', [...APART, 'true']).status === 0
const childrenOf = (pid: number) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
const isZombie = (pid: string) => {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

test.skipIf(!canBeInit())(
  'as the first process of a container it keeps no zombies, and TERM ends it in good order',
  { timeout: TEST_HANGS_MS },
  async () => {
    const root = tempFolder()
    const repo = gitRepo({ 'README.md': '# demo\n' }, join(root, 'repo'))
    const hooks = join(root, 'state/hooks')
    mkdirSync(hooks, { recursive: true })
    // What it leaves behind is an orphan, and ends as one.
    writeFileSync(join(hooks, 'pre_task'), '#!/bin/sh\n(setsid sleep 600 &)\n(sleep 0.1 &)\nsleep 0.3\n')
    chmodSync(join(hooks, 'pre_task'), 0o755)
    const orphans = "(env -i /bin/sh -c '/bin/sleep 0.1 & /bin/sleep 0.2 &' &); sleep 0.5"
    const env = {
      ...{ PATH: process.env.PATH, HOME: root, IS_SANDBOX: '1', GIT_CONFIG_GLOBAL: '/dev/null', HEADLESS_PM_HOME: join(root, 'state') },
      HEADLESS_PM_CLAUDE_COMMAND: speakingAgent(root, `cat > /dev/null; ${orphans}; echo $$ > work.txt; echo '${RESULT_LINE}'`),
    }
    const [file = '', ...self] = SELF
    const call = (...words: string[]) => spawnSync(file, [...self, ...words], { cwd: repo, env, encoding: 'utf8', timeout: HANGS_MS })
    for (const title of ['one', 'two', 'three']) expect(call('task', 'add', '--title', title, '--role', 'backend_dev').status).toBe(0)

    const outside = spawn('unshare', [...APART, ...SELF, '--role', 'backend_dev', '--agent-id', 'dev_001'], {
      cwd: repo,
      env,
      stdio: 'ignore',
    })
    const exit = new Promise(resolve => outside.once('exit', resolve))
    onTestFinished(() => void outside.kill('SIGKILL'))
    const done = () => call('task', 'list').stdout.match(/\tdev_done\t/g)?.length === 3
    await waitFor('the tasks to be done', done)
    const pid = Number(childrenOf(outside.pid!)[0])
    await waitFor('no zombies', () => !childrenOf(pid).some(isZombie))
    process.kill(pid, 'SIGTERM')
    expect(await exit).toBe(0)
  },
)
