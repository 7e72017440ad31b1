import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commitSettings } from '../../src/git/commit-settings.ts'
import { openGit } from '../../src/git/git.ts'
import { isYes, readSettings } from '../../src/git/settings.ts'
import { git, gitRepo } from '../support/git-repo.ts'

test.each(['= true', '= YES', '= on', '', '= 1', '= -2', '= 1k', '= false', '= no', '= OFF', '=', '= 0', '= 0k'])(
  'a truth value that is written as "key %s" means what git takes it for',
  async text => {
    const repo = gitRepo()
    appendFileSync(join(repo, '.git', 'config'), `[some]\n\tkey ${text}\n`)
    const [setting] = await readSettings(openGit(repo, { timeoutMs: 60_000 }), '^some\\.key$')
    expect(String(isYes(setting!.value))).toBe(git(repo, 'config', '--bool', 'some.key'))
  },
)

test('the last word of the user on signing counts, not ours', async () => {
  const repo = gitRepo()
  const settings = async () => await commitSettings(openGit(repo, { timeoutMs: 60_000 }), null)
  expect(await settings()).toMatchObject({ isSigned: false, namesHooks: false })
  git(repo, 'config', '--add', 'commit.gpgSign', 'true')
  git(repo, 'config', 'core.hooksPath', 'hooks')
  expect(await settings()).toMatchObject({ isSigned: true, namesHooks: true })
  git(repo, 'config', '--add', 'commit.gpgSign', 'false')
  expect(await settings()).toMatchObject({ isSigned: false })
})
