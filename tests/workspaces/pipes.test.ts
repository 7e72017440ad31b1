import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { remoteSecrets } from '../../src/config/sources/remote-secrets.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { request, workspacesOf } from '../support/workspaces.ts'

function pipeAt(path: string): void {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(dirname(path), { recursive: true })
  execFileSync('mkfifo', [path])
}

/** What git or the runner would read, from the repository's git folder (R), the worktree's (W) and the worktree's own folder (T). */
const READ = [
  ...['HEAD', 'index', 'packed-refs', 'shallow', 'logs/HEAD'].map(name => `R/${name}`),
  ...['refs/heads/main', 'refs/stash', 'refs/tags/new', 'agent-runner-run_pipe.seal', 'agent-runner-run_pipe.before.json'].map(
    name => `R/${name}`,
  ),
  ...['HEAD', 'index', 'commondir', 'gitdir', 'logs/HEAD', 'locked'].map(name => `W/${name}`),
  ...['.git', '.gitignore', '.gitattributes', '.gitmodules'].map(name => `T/${name}`),
]

const fresh = () => {
  const repo = gitRepo({ 'a.txt': 'a\n', '.gitignore': 'x\n' })
  git(repo, 'pack-refs', '--all')
  return repo
}

test.for(READ)('a named pipe at %s ends the run at once, and nothing that was made is touched', { timeout: 60_000 }, async name => {
  const repo = fresh()
  const { workspaces } = workspacesOf(repo)
  const own = request({}, 'run_pipe')
  const workspace = await workspaces.prepare(own)
  writeFiles(workspace.path, { 'made.txt': 'made by the agent\n' })
  const admin = git(workspace.path, 'rev-parse', '--absolute-git-dir')
  const folder = { R: join(repo, '.git'), W: admin, T: workspace.path }[name[0] as 'R' | 'W' | 'T']
  const pipe = join(folder, name.slice(2))
  pipeAt(pipe)
  const start = performance.now()
  const report = await workspaces.collect(workspace, own, true)
  // An own picture that cannot be read is as good as none.
  if (report.replaced) expect(report.remarks.join(' ')).toMatch(/is a named pipe, not a file|is not the one|does not lead|leads to/)
  else expect(name).toMatch(/locked|before.json/)
  await workspaces.cleanup(workspace, own, false)
  // One git that waits would take a minute.
  expect(performance.now() - start).toBeLessThan(30_000)
  expect(readFileSync(join(workspace.path, 'made.txt'), 'utf8')).toBe('made by the agent\n')
})

test.for(['HEAD', 'index', 'config', 'info/exclude', 'info/attributes', 'objects/info/alternates', 'logs/HEAD', 'refs/heads/x'])(
  'in place, and for the next task, a named pipe at .git/%s is told by its name',
  { timeout: 60_000 },
  async name => {
    const repo = fresh()
    const { workspaces } = workspacesOf(repo)
    const own = request({ complexity: 'minor' })
    const workspace = await workspaces.prepare(own)
    writeFiles(repo, { 'made.txt': 'made by the agent\n' })
    const pipe = join(repo, '.git', name)
    pipeAt(pipe)
    const start = performance.now()
    const report = await workspaces.collect(workspace, own, true)
    // What steers git is put back.
    if (/config|info/.test(name)) expect(report).toMatchObject({ commits: [{}] })
    else {
      expect(report).toMatchObject({ commits: [], replaced: { what: 'repository', says: `${pipe} is a named pipe, not a file` } })
      await workspaces.cleanup(workspace, own, false)
      const next = workspaces.prepare(request({}, 'run_next00'))
      await expect(next).rejects.toMatchObject({ code: 'GIT_FAILED', message: expect.stringContaining(`${pipe} is a named pipe`) })
    }
    expect(performance.now() - start).toBeLessThan(30_000)
  },
)

test('a link to a device is as a pipe; a link to nowhere, to /dev/null and a socket are none', { timeout: 60_000 }, async () => {
  const repo = fresh()
  const { workspaces } = workspacesOf(repo)
  const own = request()
  const workspace = await workspaces.prepare(own)
  writeFiles(workspace.path, { 'made.txt': 'made by the agent\n' })
  symlinkSync('/dev/null', join(repo, '.git', 'info', 'attributes'))
  symlinkSync('nowhere', join(repo, '.git', 'shallow.old'))
  expect(await workspaces.collect(workspace, own, true)).toMatchObject({ commits: [{}] })
  symlinkSync('/dev/zero', join(workspace.path, '.gitattributes'))
  expect(await workspaces.collect(workspace, own, true)).toMatchObject({ replaced: { what: 'workspace' } })
})

test('a configuration that is a named pipe has no secrets, and is not waited for', () => {
  const repo = fresh()
  pipeAt(join(repo, '.git', 'config'))
  expect(remoteSecrets(repo)).toEqual([])
  expect(existsSync(repo)).toBe(true)
})
