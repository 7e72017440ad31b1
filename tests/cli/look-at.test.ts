import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { lookAt } from '../../src/cli/compose/why-tools.ts'
import type { Config } from '../../src/config/config.ts'
import { passOn } from '../../src/machine/process/child-environment.ts'
import { git, gitRepo } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'

test('a filter that git runs for a look gets what the user passes on, and no key and no terminal', async () => {
  onTestFinished(() => {
    passOn([])
    vi.unstubAllEnvs()
  })
  const said = join(tempFolder(), 'said')
  const repo = gitRepo({ 'a.txt': 'one\n', '.gitattributes': '*.txt filter=shop\n' })
  // The session of a process is the sixth entry of its stat.
  git(repo, 'config', 'filter.shop.clean', `env >${said}; cut -d' ' -f6 /proc/$$/stat >>${said} 2>/dev/null; cat`)
  writeFileSync(join(repo, 'a.txt'), 'two\n')
  vi.stubEnv('SHOP_STAGE', 'test')
  vi.stubEnv('HEADLESS_PM_API_KEY', 'secret')
  const view = await lookAt({ values: { passEnv: ['git:SHOP_*'] } } as unknown as Config, repo, {
    runId: 'run_1',
    base: null,
    dirtyAtStart: [],
    workspace: null,
  })
  expect(view).toMatchObject({ state: 'checkout', uncommitted: ['a.txt'] })
  const lines = readFileSync(said, 'utf8').trim().split('\n')
  expect(lines).toContain('SHOP_STAGE=test')
  expect(lines).toContain('GIT_TERMINAL_PROMPT=0')
  expect(lines.join()).not.toContain('secret')
  if (process.platform === 'linux') {
    // A name may hold spaces; what follows is the state, the parent, the group and the session.
    const own = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ')[3]
    expect(own).toMatch(/^\d+$/)
    expect(lines.at(-1)).toMatch(/^\d+$/)
    expect(lines.at(-1)).not.toBe(own)
  }
})
