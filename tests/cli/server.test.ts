import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ownersHeader } from '../support/api-client.ts'
import { startProgram } from '../support/child-program.ts'
import { MAIN } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

/** The program as a process of its own, in a folder of its own. */
function program(args: string[], env: Record<string, string> = {}) {
  const folder = tempFolder()
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH!, HOME: folder, HEADLESS_PM_HOME: join(folder, 'state'), ...env },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said = { out: '', err: '' }
  child.stdout.on('data', part => (said.out += part))
  child.stderr.on('data', part => (said.err += part))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, said, ended, folder }
}

test('server says where it listens, serves, and TERM ends it in good order while somebody listens', async () => {
  const { child, said, ended, folder } = program(['server', '--port', '0', '--json'])
  const { url, database, keys, key_file } = JSON.parse(await waitFor('the address', () => (said.out.includes('\n') ? said.out : null)))
  const state = join(folder, 'state')
  expect({ database, keys, key_file }).toEqual({
    database: join(state, 'agent-runner.db'),
    keys: true,
    key_file: join(state, 'servers', new URL(url).host),
  })
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' })
  expect((await fetch(`${url}/events/stream`)).status).toBe(401)
  const stream = await fetch(`${url}/events/stream`, { headers: ownersHeader(key_file) })
  child.kill('SIGTERM')
  expect(await stream.text()).toContain('retry:')
  expect(await ended).toBe(0)
  expect(said.err).toBe('')
  expect(existsSync(key_file)).toBe(false)
})

test('its owner gets a link for the browser and a line for the shell that work, and others cannot read the key', async () => {
  const { child, said, ended, folder } = program(['server', '--port', '0'])
  const text = await waitFor('the greeting', () => (said.out.includes('In a shell') ? said.out : null))
  const [, link = '', code = ''] = /In the browser: (\S+#login=(\S+))/.exec(text) ?? []
  const url = new URL(link).origin
  const session = await fetch(`${url}/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  const { key } = (await session.json()) as { key: string }
  expect((await fetch(`${url}/runs`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200)

  const file = join(folder, 'state', 'servers', new URL(url).host)
  expect([statSync(file).mode & 0o777, statSync(join(file, '..')).mode & 0o777]).toEqual([0o600, 0o700])
  const [, line = ''] = /In a shell: (curl .*)/.exec(text) ?? []
  expect(execFileSync('sh', ['-c', `${line} -fsS`], { encoding: 'utf8' })).toBe('[]')
  expect(text).not.toContain(readFileSync(file, 'utf8').trim().split(' ').at(-1)!)

  const more = program(['keys', 'link', '--port', new URL(url).port, '--home', join(folder, 'state')])
  expect(await more.ended).toBe(0)
  expect(more.said.out).toMatch(new RegExp(`^${url}/docs#login=ar_owner_\\S+\\n$`))
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
  const late = program(['keys', 'link', '--port', new URL(url).port, '--home', join(folder, 'state')])
  expect(await late.ended).toBe(2)
  expect(late.said.err).toContain('no server of')
})

test('where others can read what it prints, no link stands there', async () => {
  const folder = tempFolder()
  const server = startProgram([MAIN, 'server', '--port', '0', '--home', join(folder, 'state')], { cwd: folder })
  await waitFor('the greeting', () => server.output().includes('In a shell'))
  expect(server.output()).toMatch(/In the browser: agent-runner keys link --port \d+ /)
  expect(server.output()).not.toContain('login=')
})

test('open to this machine, it says what that means', async () => {
  const { said } = program(['server', '--port', '0', '--open-to-this-machine'])
  const text = await waitFor('the greeting', () => (said.out.endsWith('\n') ? said.out : null))
  expect(text).toContain('open to everybody on this machine, who may run commands as you')
  const url = /serves (\S+)/.exec(text)![1]
  expect((await fetch(`${url}/runs`)).status).toBe(200)
})

test('flags and environment say where: host, port and database', async () => {
  const { said, folder } = program(['server', '--host', 'localhost', '--allowed-hosts', 'runner.example'], {
    HEADLESS_PM_PORT: '0',
    HEADLESS_PM_DATABASE: 'own.db',
  })
  // Without a key nobody could use it.
  await waitFor('the refusal', () => said.err.includes('keys create'))
  expect(said.out).toBe('')
  const second = program(['server'], { HEADLESS_PM_PORT: '0', HEADLESS_PM_DATABASE: join(folder, 'own.db') })
  await waitFor('the greeting', () => second.said.out.includes(`database: ${join(folder, 'own.db')}`))
})

test('a database can be a sqlite:/// URL as other programs write it, and other databases are refused by name', async () => {
  const relative = program(['server', '--port', '0'], { HEADLESS_PM_DATABASE: 'sqlite:///own.db' })
  await waitFor('the greeting', () => relative.said.out.includes(`database: ${join(relative.folder, 'own.db')}`))
  const { folder } = relative
  const absolute = program(['server', '--port', '0', '--database', `sqlite:///${join(folder, 'other.db')}`])
  await waitFor('the greeting', () => absolute.said.out.includes(`database: ${join(folder, 'other.db')}`))
  const refused = program(['server', '--port', '0', '--database', 'mysql://me:secret@host/db'])
  expect(await refused.ended).toBe(78)
  expect(refused.said.err).toContain('database mysql:…: expected postgres://…, sqlite:///path or the path of a SQLite file')
  expect(refused.said.err).not.toContain('secret')
})

test("DATABASE_URL, which is mostly an application's own, is not used, and that is said", async () => {
  const { said, folder } = program(['server', '--port', '0'], { DATABASE_URL: 'sqlite:///app.db' })
  await waitFor('the greeting', () => said.out.includes(`database: ${join(folder, 'state', 'agent-runner.db')}`))
  expect(said.err).toContain('DATABASE_URL is not used; to use another database, say --database or HEADLESS_PM_DATABASE.')
})

test('a port that is in use ends it with one line and what to do', async () => {
  const first = program(['server', '--port', '0', '--json'])
  const { url } = JSON.parse(await waitFor('the address', () => (first.said.out.includes('\n') ? first.said.out : null)))
  const { said, ended } = program(['server', '--port', new URL(url).port])
  expect(await ended).toBe(71)
  expect(said.err).toMatch(/^agent-runner: 127\.0\.0\.1 port \d+ is in use\n {2}Choose another --port, or stop what listens there\.\n$/)
})
