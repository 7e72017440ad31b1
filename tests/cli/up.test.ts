import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openControlPlane } from '../../src/board/control-plane.ts'
import { takeAgentGuard } from '../../src/machine/locks/agent-guard.ts'
import { endTagged, RUN_TAG } from '../../src/machine/process/processes.ts'
import { RESULT_LINE, speakingAgent } from '../support/agent-program.ts'
import { apiClient, ownersHeader } from '../support/api-client.ts'
import { startProgram } from '../support/child-program.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { MAIN } from '../support/program.ts'
import { endLease } from '../support/rows.ts'
import { tempFolder } from '../support/temp.ts'
import { trustAsItIs } from '../support/trusted.ts'
import { waitFor } from '../support/wait-for.ts'

/** Works until it is let go; leaves a file behind. */
const WORKER = `cat > /dev/null; echo done > work.txt; while [ ! -e "$HOME/go" ]; do sleep 0.05; done; echo '${RESULT_LINE}'`

/** `up` with its own state folder, and two repositories. */
async function started(...flags: string[]) {
  const root = tempFolder()
  const home = join(root, 'home')
  const user = tempFolder()
  const repos = {
    shop: gitRepo({ 'README.md': 'shop\n' }, join(root, 'shop')),
    mall: gitRepo({ 'README.md': 'mall\n' }, join(root, 'mall')),
  }
  const env = { PATH: process.env.PATH, HOME: user, GIT_CONFIG_GLOBAL: '/dev/null', HEADLESS_PM_KILL_GRACE: '0.3' }
  const agent = speakingAgent(user, WORKER)
  const words = [MAIN, 'up', '--home', home, '--port', '0', '--json', '--claude-command', agent, ...flags]
  const start = () => startProgram(words, { cwd: root, env })
  const up = start()
  const { url, lanes, api, key_file } = await listening(up)
  const ids: string[] = []
  onTestFinished(async () => {
    for (const id of ids) await endTagged(RUN_TAG, id, 0)
  })
  return {
    ...{ up, api, url, lanes, repos, start, env, agent },
    header: () => ownersHeader(key_file),
    letGo: () => writeFileSync(join(user, 'go'), ''),
    async run(name: keyof typeof repos, goal: string) {
      const [found] = await api.get(`/projects?name=${name}`)
      const project = found ?? (await api.post('/projects', { name, local_path: repos[name] }))
      const run = await api.post('/runs', { project_id: project.id, goal })
      ids.push(run.id)
      return run
    },
    status: async (id: string): Promise<string> => (await api.get(`/runs/${id}`)).status,
    home,
  }
}

/** Where it listens, and its API as its owner sees it. */
async function listening(up: ReturnType<typeof startProgram>) {
  const line = await waitFor('the address', () =>
    up
      .output()
      .split('\n')
      .find(text => text.startsWith('{"url"')),
  )
  const said: { url: string; lanes: string[]; key_file: string } = JSON.parse(line)
  return { ...said, api: apiClient(said.url, () => ownersHeader(said.key_file)) }
}

test('lanes work at once, each run in the repository of its project, and end after what they have in hand', async () => {
  const s = await started('--lanes', '2')
  expect(s.lanes).toEqual(['lane-1', 'lane-2'])
  const runs = [await s.run('shop', 'Mend the shop'), await s.run('mall', 'Mend the mall')]
  for (const { id } of runs) await waitFor('it runs', async () => (await s.status(id)) === 'RUNNING')
  expect(await s.api.get('/worker/status')).toMatchObject({ lanes: 2, running: true, runs: { running: 2, queued: 0 } })
  expect(await s.api.post('/worker/process')).toEqual({ run_id: null })
  const next = await s.run('mall', 'Waits for a lane')
  await expect(s.api.post('/worker/process')).rejects.toThrow(new RegExp(`409 .*all lanes are busy; ${next.id} is taken`))
  await s.api.post(`/runs/${next.id}/stop`)
  s.up.signal('SIGTERM')
  const third = await s.run('shop', 'Comes too late')
  s.letGo()
  await waitFor('both are done', async () => !s.up.running())
  expect(await s.up.exit, s.up.output()).toEqual({ code: 0, signal: null })
  for (const name of ['shop', 'mall'] as const)
    expect(git(s.repos[name], 'log', '--all', '--format=%s', '--', 'work.txt'), s.up.output()).toContain(`Mend the ${name}`)
  const again = s.start()
  const { api } = await listening(again)
  for (const { id } of runs) expect(await api.get(`/runs/${id}`)).toMatchObject({ status: 'COMPLETED' })
  await waitFor('the third is done by the next start', async () => (await api.get(`/runs/${third.id}`)).status === 'COMPLETED')
  again.signal('SIGTERM')
  expect(await again.exit, again.output()).toEqual({ code: 0, signal: null })
})

test('the diff of a run is served while it works, and after it was stopped', async () => {
  const s = await started()
  const { id } = await s.run('shop', 'Mend the shop')
  const diff = async () => (await fetch(`${s.url}/runs/${id}/diff`, { headers: s.header() })).text()
  await waitFor('the diff', async () => (await diff()).includes('+done'))
  expect(await s.status(id)).toBe('RUNNING')
  await s.api.post(`/runs/${id}/stop`)
  await waitFor('it is stopped', async () => (await s.status(id)) === 'STOPPED')
  expect(await diff()).toContain('+done')
})

test('a run can be asked for at once; killed, all goes on where it was', async () => {
  const s = await started()
  const { id, task_id } = await s.run('shop', 'Mend the shop')
  const { run_id } = await s.api.post('/worker/process')
  expect([id, null]).toContain(run_id)
  await waitFor('it runs', () => existsSync(join(s.repos.shop, '.worktrees', `task-${task_id}`, 'work.txt')))
  await s.up.kill()
  const again = s.start()
  const { api } = await listening(again)
  s.letGo()
  await waitFor('it is done', async () => (await api.get(`/runs/${id}`)).status === 'COMPLETED')
  expect((await api.get(`/runs/${id}/events?limit=500`)).filter((event: { type: string }) => event.type === 'RUN_COMPLETED')).toHaveLength(
    1,
  )
  again.signal('SIGTERM')
  expect(await again.exit, again.output()).toEqual({ code: 0, signal: null })
})

test('lanes of two machines on one database bear the same name and share the work; what a dead one had is done by the other', async () => {
  const database = join(tempFolder(), 'shared.db')
  const one = await started('--database', database)
  const { id, task_id } = await one.run('shop', 'Mend the shop')
  const begun = join(one.repos.shop, '.worktrees', `task-${task_id}`, 'work.txt')
  await waitFor('it runs', () => existsSync(begun))
  const two = await started('--database', database)
  expect([one.lanes, two.lanes]).toEqual([['lane-1'], ['lane-1']])
  const other = await two.run('mall', 'Mend the mall')
  await waitFor('the other lane works too', async () => (await two.status(other.id)) === 'RUNNING')
  expect((await two.api.get(`/runs/${id}`)).lease_until).not.toBeNull()
  await one.up.kill()
  await endTagged(RUN_TAG, id, 0)
  two.letGo()
  await waitFor('the other is done', async () => (await two.status(other.id)) === 'COMPLETED')
  expect(await two.status(id)).toBe('RUNNING')
  await endLease(database, id)
  await waitFor('the dead one is replaced', async () => (await two.status(id)) === 'COMPLETED')
  const again = one.start()
  await waitFor('the first is back, and lets go of what it had', () => again.output().includes('lost') || again.output().includes('taken'))
  expect((await two.api.get(`/runs/${id}/events?limit=500`)).filter(({ type }: { type: string }) => type === 'RUN_COMPLETED')).toHaveLength(
    1,
  )
  again.signal('SIGTERM')
  expect(await again.exit, again.output()).toEqual({ code: 0, signal: null })
})

test("lanes leave a customer's runs to the customer's own runners", async () => {
  const s = await started()
  s.letGo()
  const project = await s.api.post('/projects', { name: 'theirs', local_path: s.repos.mall, customer: 'acme' })
  const theirs = await s.api.post('/runs', { project_id: project.id, goal: 'Not for the lanes', priority: 100 })
  const { id } = await s.run('shop', 'For the lanes')
  await waitFor('the own run is done', async () => (await s.status(id)) === 'COMPLETED')
  expect(await s.api.post('/worker/process')).toEqual({ run_id: null })
  expect(await s.status(theirs.id)).toBe('QUEUED')
  const plane = await openControlPlane(join(s.home, 'agent-runner.db'))
  const { key } = await plane.keys.create({ kind: 'worker', customer: 'acme', name: 'theirs' })
  await plane.close()
  const words = ['--server', s.url, '--project', 'theirs', '--agent-id', 'dev_1', '--role', 'fullstack_dev', '--single-task']
  const runner = startProgram([MAIN, 'run', ...words, '--home', tempFolder()], {
    cwd: s.repos.mall,
    env: { ...s.env, HEADLESS_PM_SERVER_KEY: key, HEADLESS_PM_CLAUDE_COMMAND: s.agent },
  })
  expect((await runner.exit).code, runner.output()).toBe(0)
  expect(await s.status(theirs.id)).toBe('COMPLETED')
})

test('a lane whose project is in an untrusted repository runs nothing of it, and names the command that helps', async () => {
  const s = await started()
  const proof = join(s.home, 'RAN')
  writeFiles(s.repos.shop, { 'hooks/pre_task': `#!/bin/sh\ntouch ${proof}\n` })
  chmodSync(join(s.repos.shop, 'hooks/pre_task'), 0o755)
  const { id } = await s.run('shop', 'Mend the shop')
  await waitFor('it is told', () => s.up.output().includes(`agent-runner trust ${s.repos.shop}`))
  expect(existsSync(proof)).toBe(false)
  s.letGo()
  await trustAsItIs(s.repos.shop, s.home)
  await waitFor('it is done', async () => (await s.status(id)) === 'COMPLETED')
  expect(existsSync(proof)).toBe(true)
})

test('a lane that cannot start says so, and the others go on', async () => {
  const root = tempFolder()
  const guard = takeAgentGuard(join(root, 'home'), 'lane-1', { role: 'qa', repo: root, command: 'test' })
  onTestFinished(() => guard.release())
  const up = startProgram([MAIN, 'up', '--home', join(root, 'home'), '--port', '0', '--json', '--lanes', '2'], { cwd: root })
  const { api } = await listening(up)
  await waitFor('one lane is left', async () => (await api.get('/worker/status')).lanes === 1)
  expect(up.output()).toContain('the lane lane-1 has ended')
  up.signal('SIGTERM')
  expect((await up.exit).code).toBe(75)
})
