import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { request, workspacesOf } from '../support/workspaces.ts'

/** A program that signs as gpg does, as far as git looks. */
const SIGNS =
  '#!/bin/sh\ncat > /dev/null\necho "[GNUPG:] SIG_CREATED " >&2\necho "-----BEGIN PGP SIGNATURE-----"\necho x\necho "-----END PGP SIGNATURE-----"\n'

async function commitWith(program: string, options: { gitTimeoutMs?: number } = {}) {
  const repo = gitRepo()
  const gpg = join(tempFolder(), 'gpg')
  writeFileSync(gpg, program)
  chmodSync(gpg, 0o755)
  git(repo, 'config', 'commit.gpgSign', 'true')
  git(repo, 'config', 'gpg.program', gpg)
  const { workspaces } = workspacesOf(repo, options)
  const workspace = await workspaces.prepare(request())
  writeFiles(workspace.path, { 'a.txt': 'a\n' })
  const report = await workspaces.collect(workspace, request(), true)
  expect(report.commits).toHaveLength(1)
  return { report, raw: git(repo, 'cat-file', 'commit', workspace.branch!) }
}

test('with commit.gpgSign the commits of the runner are signed', async () => {
  const { report, raw } = await commitWith(SIGNS)
  expect(raw).toContain('BEGIN PGP SIGNATURE')
  expect(report.remarks).toEqual([])
})

test.for([
  ['is missing', '#!/bin/sh\necho "gpg: no secret key" >&2\nexit 2\n', {}],
  ['asks for a passphrase and waits', '#!/bin/sh\ncat > /dev/null\nexec sleep 600\n', { gitTimeoutMs: 1_500 }],
] as const)('a key that %s costs no work: the commit is unsigned, and that is said', async ([, program, options]) => {
  const { report, raw } = await commitWith(program, options)
  expect(raw).not.toContain('SIGNATURE')
  expect(report.remarks.join()).toContain('commit.gpgSign is set, but the commit could not be signed')
})
