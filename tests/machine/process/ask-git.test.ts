import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { askGit } from '../../../src/machine/process/ask-git.ts'
import { tempFolder } from '../../support/temp.ts'

/** A `git` that writes its environment beside itself and then does as the script says. */
function fakeGit(script: string): { PATH: string; environment(): string[] } {
  const folder = tempFolder()
  const file = join(folder, 'git')
  writeFileSync(file, `#!/bin/sh\nenv >"$0.env"\n${script}\n`)
  chmodSync(file, 0o755)
  return { PATH: `${folder}:${process.env.PATH}`, environment: () => readFileSync(`${file}.env`, 'utf8').split('\n') }
}

const ask = (ours: NodeJS.ProcessEnv, more: Partial<Parameters<typeof askGit>[0]> = {}) =>
  askGit({ need: 'git', ours, timeoutMs: 60_000, ...more })

test('git is asked in the environment of every child: no place of a repository, no secret, nobody to ask', async () => {
  const { PATH, environment } = fakeGit('echo git version 2.40.1')
  const ours = { PATH, GIT_DIR: '/elsewhere', HEADLESS_PM_API_KEY: 'k', EDITOR: 'vi', GIT_SSH_COMMAND: 'ssh -v', GIT_CONFIG_GLOBAL: '/c' }
  expect(await (await ask(ours)).version()).toMatchObject({ installed: true, major: 2, minor: 40, patch: 1 })
  const got = environment()
  expect(got.filter(entry => /^(GIT_DIR|HEADLESS_PM_API_KEY|EDITOR)=/.test(entry))).toEqual([])
  expect(got).toEqual(
    expect.arrayContaining(['GIT_SSH_COMMAND=ssh -v', 'GIT_CONFIG_GLOBAL=/c', 'GIT_TERMINAL_PROMPT=0', 'GIT_EDITOR=true']),
  )
})

test('a git that fails without a word or is killed is a failure, and one that is not there is told', async () => {
  await expect((await ask({ PATH: fakeGit('exit 3').PATH })).version()).rejects.toThrow('git ended with 3')
  await expect((await ask({ PATH: fakeGit('kill -9 $$').PATH })).version()).rejects.toThrow('git ended with')
  expect(await (await ask({ PATH: '/no/such/folder' })).version()).toMatchObject({ installed: false })
})

test('a git that says nothing, or that nobody waits for any more, is not waited for', async () => {
  const { PATH } = fakeGit('exec sleep 600')
  await expect((await ask({ PATH }, { timeoutMs: 200 })).version()).rejects.toThrow()
  await expect((await ask({ PATH }, { signal: AbortSignal.timeout(200) })).version()).rejects.toThrow()
})
