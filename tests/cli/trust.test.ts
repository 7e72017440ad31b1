import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { configCommand } from '../../src/cli/config.ts'
import { initCommand } from '../../src/cli/init.ts'
import { trustCommand } from '../../src/cli/trust.ts'
import { NOTHING_TO_DO } from '../../src/runner/loop.ts'
import { gitRepo, writeFiles } from '../support/git-repo.ts'
import { MAIN } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { capture } from './capture.ts'

const WHO = ['--role', 'backend_dev', '--agent-id', 'dev_001']

/** A repository with these files, and the whole program in it. */
function house(files: Record<string, string>) {
  const folder = tempFolder()
  const repo = gitRepo(files, join(folder, 'repo'))
  const home = join(folder, 'home')
  const program = async (words: string[], env: Record<string, string> = {}) => {
    const own = { PATH: process.env.PATH, HOME: folder, HEADLESS_PM_HOME: home, NO_COLOR: '1', HEADLESS_PM_API_KEY: 'the-users-own-key' }
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: repo, env: { ...own, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { code: code as number | null, out, err }
  }
  const trust = (...words: string[]) => capture(trustCommand, ['trust', ...words], { cwd: repo, env: { HEADLESS_PM_HOME: home } })
  return { folder, repo, home, program, trust }
}

/** A server that notes who came. */
async function listener() {
  const requests: string[] = []
  const server = createServer((request, answer) => {
    requests.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`)
    answer.writeHead(401, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, requests }
}

test('no command sends a key to, or runs, what a fresh clone names: it ends with 78 and names the command', async () => {
  const { url, requests } = await listener()
  const { program, repo } = house({
    'agent-runner.yaml': `apiUrl: ${url}\nclaudeCommand: ./evil.sh\ndatabase: evil.db\n`,
    'evil.sh': '#!/bin/sh\ntouch "$(dirname "$0")/RAN"\n',
    'hooks/pre_task': '#!/bin/sh\ntouch "$(dirname "$0")/RAN"\n',
  })
  const commands = [
    [...WHO, '--single-task'],
    [...WHO, '--dry-run'],
    ['doctor', ...WHO],
    ['up', '--port', '0'],
    ['server', '--port', '0'],
    ['task', 'add', '--title', 'x', '--role', 'qa'],
    ['hooks', 'run', 'pre_task'],
    ['unlock', 'dev_001'],
    ['keys', 'list'],
    ['db', 'check'],
  ]
  for (const words of commands) {
    const { code, out, err } = await program(words)
    expect({ words, code }).toEqual({ words, code: 78 })
    expect(out + err, words.join(' ')).toContain(`agent-runner trust ${repo}`)
  }
  expect(requests).toEqual([])
  expect(existsSync(join(repo, 'RAN')) || existsSync(join(repo, 'hooks/RAN')) || existsSync(join(repo, 'evil.db'))).toBe(false)
})

test('looking works in a fresh clone: what it says is left out and told, and nothing is sent or run', async () => {
  const { url, requests } = await listener()
  const { program } = house({ 'agent-runner.yaml': `apiUrl: ${url}\n`, 'hooks/pre_task': 'x' })
  for (const words of [
    ['status'],
    ['logs'],
    ['config', 'get', 'apiUrl'],
    ['config', 'explain'],
    ['task', 'list'],
    ['why'],
    ['rescue', 'list'],
  ]) {
    const { code, err } = await program(words, { HEADLESS_PM_API_KEY: '' })
    expect({ words, code }, err).toEqual({ words, code: 0 })
    if (!['status', 'logs'].includes(words[0]!)) expect(err).toContain('not used, because the repository is not trusted: apiUrl')
  }
  const hooks = await program(['hooks', 'list'])
  expect(hooks.out).toContain('cannot be run: the repository is not trusted')
  expect(requests).toEqual([])
})

test('--trust trusts the repository as it is, and so does the command; the next start needs neither', async () => {
  const { url, requests } = await listener()
  const { program, trust, repo, home } = house({ 'agent-runner.yaml': `apiUrl: ${url}\n` })
  expect((await program(['hooks', 'list'])).code).toBe(0)
  expect((await program([...WHO, '--dry-run', '--trust'])).code).not.toBe(78)
  expect(requests.length).toBeGreaterThan(0)
  expect((await program([...WHO, '--dry-run'])).code).not.toBe(78)
  expect((await trust('--list')).out).toContain(repo)
  expect((await trust('--revoke')).out).toBe(`no longer trusted: ${repo}\n`)
  expect(readdirSync(join(home, 'trusted'))).toEqual([])
  expect((await program([...WHO, '--dry-run'])).code).toBe(78)
  const given = await trust('--json')
  expect(JSON.parse(given.out)).toMatchObject({
    path: repo,
    before: 'new',
    files: { 'agent-runner.yaml': expect.stringMatching(/^[0-9a-f]{64}$/) },
  })
  expect((await trust()).out).toBe(`${repo} is trusted already, as it is\n`)
})

test('a .env that is a pipe or too large stops no command: each warns once on stderr and goes on; doctor warns too', async () => {
  const { program, repo } = house({ '.gitignore': '.env\n' })
  const place = join(repo, '.env')
  for (const [make, words] of [
    [() => execFileSync('mkfifo', [place]), 'is a named pipe, not a file'],
    [() => writeFiles(repo, { '.env': 'A=1\n'.repeat(20_000) }), 'is larger than 64 KiB'],
  ] as const) {
    rmSync(place, { force: true })
    make()
    for (const command of [
      [...WHO, '--dry-run', '--tracker', 'embedded'],
      ['task', 'list'],
      ['keys', 'list'],
      ['config', 'explain'],
    ]) {
      const { code, err } = await program(command, { HEADLESS_PM_CLAUDE_COMMAND: '/bin/true', HEADLESS_PM_TRACKER: 'embedded' })
      expect([command, code], err).toEqual([command, command.includes('--dry-run') ? NOTHING_TO_DO : 0])
      expect(err.match(/warning: .*\.env: /g)).toHaveLength(1)
      expect(err).toContain(`agent-runner: warning: ${place}: ${words}; no setting is taken from it`)
    }
    const { out } = await program(['doctor', ...WHO, '--json'])
    const check = JSON.parse(out).checks.find(({ name }: { name: string }) => name === 'configuration')
    expect(check).toMatchObject({ verdict: 'warn', says: expect.stringContaining(words) })
  }
})

test('an agent in a run trusts nothing', async () => {
  const { program } = house({ 'hooks/pre_task': 'x' })
  const run = { AGENT_RUNNER_RUN_ID: 'run_1' }
  expect(await program(['trust'], run)).toMatchObject({ code: 2, err: expect.stringContaining('a process of a run cannot trust') })
  expect((await program([...WHO, '--trust', '--single-task'], run)).code).toBe(2)
})

test('a path that is given is the one that is trusted; one that asks for nothing needs no trust', async () => {
  const { trust, folder, home } = house({ 'hooks/pre_task': 'x' })
  const other = gitRepo({ 'agent-runner.yaml': 'role: qa\n' }, join(folder, 'other'))
  expect((await trust(other)).out).toBe(`${other} asks for nothing that needs trust\n`)
  writeFiles(other, { 'hooks/post_task': 'x' })
  expect((await trust(other)).out).toContain(`trusted: ${other}, 1 file\n`)
  expect(readdirSync(join(home, 'trusted'))).toHaveLength(1)
  await expect(trust(join(folder, 'nowhere'))).rejects.toMatchObject({ exitCode: 2 })
})

test('what `init` writes into a repository of which nothing else asks is trusted, since the user has just said it', async () => {
  const { repo, home, program } = house({ a: 'a' })
  const init = (...words: string[]) =>
    capture(initCommand, ['init', '--target', 'project', ...words], { cwd: repo, env: { HEADLESS_PM_HOME: home } })
  const pm = ['--tracker', 'headless-pm', '--api-url', 'http://127.0.0.1:9', '--no-api-key', ...WHO, '--level', 'senior']
  await init(...pm)
  expect((await program(['doctor'])).code).not.toBe(78)
  writeFiles(repo, { 'hooks/pre_task': 'x' })
  expect((await program(['doctor'])).code).toBe(78)
  expect((await init(...pm)).err).toContain('was not trusted before, and is not now')
  expect((await program(['doctor'])).code).toBe(78)
})

test('config explain shows what does not count, and why', async () => {
  const { repo, home } = house({ 'agent-runner.yaml': 'apiUrl: http://pm.example\n' })
  const config = (...words: string[]) => capture(configCommand, ['config', ...words], { cwd: repo, env: { HEADLESS_PM_HOME: home } })
  const { out, err } = await config('explain', 'apiUrl')
  expect(out).toMatch(/apiUrl +http:\/\/localhost:6969 .*; not used: apiUrl \(.*agent-runner\.yaml line 1\)/)
  expect(err).toContain('agent-runner trust')
  expect(JSON.parse((await config('explain', '--json')).out).repository).toEqual({
    path: repo,
    state: 'new',
    asks_for: [expect.stringMatching(/^apiUrl = http:\/\/pm\.example +\(/)],
    not_used: ['apiUrl'],
  })
  expect(readFileSync(join(repo, 'agent-runner.yaml'), 'utf8')).toContain('pm.example')
})
