import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tempFolder } from './temp.ts'
import { waitFor } from './wait-for.ts'

const program = join(import.meta.dirname, 'headless-pm-server.ts')

async function start(folder: string, name: string) {
  const portFile = join(folder, name)
  const args = [program, '--port-file', portFile, '--state-file', join(folder, 'state.json'), '--key', 'k']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<number | null>(done => child.once('exit', done))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await waitFor('the port', () => existsSync(portFile))
  const base = `http://127.0.0.1:${readFileSync(portFile, 'utf8')}/api/v1`
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { 'x-api-key': 'k', 'content-type': 'application/json' }
    const answer = await fetch(base + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
    return { status: answer.status, body: (await answer.json()) as { id: number } }
  }
  return { child, ended, call }
}

test('as a program the server is filled by its API and keeps its state when it is killed', async () => {
  const folder = tempFolder()
  const first = await start(folder, 'first')
  await first.call('POST', '/register', { agent_id: 'pm_1', role: 'pm', level: 'principal' })
  const epic = await first.call('POST', '/epics?agent_id=pm_1', { name: 'e', description: '' })
  const feature = await first.call('POST', '/features?agent_id=pm_1', { epic_id: epic.body.id, name: 'f', description: '' })
  const draft = {
    feature_id: feature.body.id,
    title: 't',
    description: '',
    target_role: 'backend_dev',
    difficulty: 'junior',
    branch: 'main',
  }
  const task = await first.call('POST', '/tasks/create?agent_id=pm_1', draft)
  expect(task.body).toMatchObject({ status: 'pending', locked_by: null, complexity: 'major' })
  await first.call('PUT', `/tasks/${task.body.id}/status?agent_id=pm_1`, { status: 'created' })
  expect((await first.call('POST', `/tasks/${task.body.id}/lock?agent_id=pm_1`)).status).toBe(200)
  expect((await first.call('POST', `/tasks/${task.body.id}/lock?agent_id=pm_1`)).status).toBe(409)
  expect((await first.call('GET', `/tasks/${task.body.id}`)).status).toBe(405)
  first.child.kill('SIGKILL')
  await first.ended

  const second = await start(folder, 'second')
  expect((await second.call('GET', '/tasks')).body).toMatchObject([{ id: task.body.id, status: 'created', locked_by: 'pm_1' }])
  second.child.kill('SIGTERM')
  expect(await second.ended).toBe(0)
})
