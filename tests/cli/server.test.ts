import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

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
  const { url, database, keys } = JSON.parse(await waitFor('the address', () => (said.out.includes('\n') ? said.out : null)))
  expect({ database, keys }).toEqual({ database: join(folder, 'state', 'agent-runner.db'), keys: false })
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' })
  const stream = await fetch(`${url}/events/stream`)
  child.kill('SIGTERM')
  expect(await stream.text()).toContain('retry:')
  expect(await ended).toBe(0)
  expect(said.err).toBe('')
})

test('flags and environment say where: host, port and database', async () => {
  const { said, folder } = program(['server', '--host', 'localhost', '--require-keys'], {
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
  expect(await ended).toBe(2)
  expect(said.err).toMatch(/^agent-runner: 127\.0\.0\.1 port \d+ is in use\n {2}Choose another --port\.\n$/)
})
