import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { endTagged, RUN_TAG, taggedProcesses } from '../../src/machine/process/processes.ts'
import { apiClient, ownersHeaderAt } from '../support/api-client.ts'
import { freePort, startProgram } from '../support/child-program.ts'
import { CLAUDE, claudeEnv } from '../support/claude-run.ts'
import { git, gitRepo } from '../support/git-repo.ts'
import { MAIN } from '../support/program.ts'
import { startScriptedModel } from '../support/scripted-model.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

/** A command that goes on until it is ended, and says that it has begun. */
const endless = (n: number) => ({ text: `Step ${n}.`, bash: `echo step-${n} >> log; while :; do sleep 0.1; done` })

test('with the real CLI: paused in a tool call, server and runner killed, resumed, directed once, stopped, all through the API', async () => {
  const model = await startScriptedModel([endless(1), endless(2), endless(3), 'All is done.'])
  onTestFinished(() => model.close())
  const root = tempFolder()
  const home = join(root, 'state')
  mkdirSync(home)
  const repo = gitRepo({ 'README.md': '# shop\n' }, join(root, 'repo'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const api = apiClient(url, () => ownersHeaderAt(home, url))
  const env = { ...claudeEnv(join(root, 'claude'), model.url), HEADLESS_PM_KILL_GRACE: '0.3', GIT_CONFIG_GLOBAL: '/dev/null' }
  const startServer = () => startProgram([MAIN, 'server', '--port', String(port), '--home', home], { env, cwd: repo })
  const flags = ['--role', 'fullstack_dev', '--agent-id', 'dev_1', '--server', url, '--project', 'shop', '--home', home]
  const startRunner = () => startProgram([MAIN, 'run', ...flags, '--claude-command', CLAUDE], { env, cwd: repo })

  let server = startServer()
  await api.ready()
  const project = await api.post('/projects', { name: 'shop', local_path: '/srv/elsewhere' })
  const { id, task_id } = await api.post('/runs', { project_id: project.id, goal: 'Make it so' })
  onTestFinished(async () => void (await endTagged(RUN_TAG, id, 0)))
  let runner = startRunner()
  const log = () => {
    try {
      return readFileSync(join(repo, '.worktrees', `task-${task_id}`, 'log'), 'utf8')
        .trim()
        .split('\n')
    } catch {
      return []
    }
  }
  const begun = (step: string) => waitFor(`${step} has begun`, () => log().includes(step))

  await begun('step-1')
  await api.post(`/runs/${id}/pause`)
  await api.status(id, 'PAUSED')
  expect(taggedProcesses(RUN_TAG, id)).toEqual([])

  await server.kill()
  server = startServer()
  await api.ready()
  await runner.kill()
  runner = startRunner()
  await waitFor('the runner is back', () => runner.output().includes('paused'))
  expect(await api.get(`/runs/${id}`)).toMatchObject({ status: 'PAUSED', agent_id: 'dev_1' })

  await api.post(`/runs/${id}/resume`)
  await api.status(id, 'RUNNING')
  await begun('step-2')
  const { wish_id } = await api.post(`/runs/${id}/directive`, { text: 'Use tabs, please.' })
  const delivered = async () =>
    (await api.events(id)).filter(event => event.type === 'DIRECTIVE' && event.data.state === 'delivered' && event.data.wish === wish_id)
  await waitFor('the directive is delivered', async () => (await delivered()).length > 0)
  await begun('step-3')
  await api.post(`/runs/${id}/stop`, { reason: 'enough' })
  await api.status(id, 'STOPPED')

  // The agent is gone before the stop is told; the post_task hook comes after.
  await waitFor('nothing of the run is left', () => taggedProcesses(RUN_TAG, id).length === 0)
  expect(await delivered()).toHaveLength(1)
  // Each turn was asked for once, all in one session, and the directive was said once.
  expect(model.requests).toHaveLength(3)
  expect(new Set(model.requests.map(request => request.sessionId)).size).toBe(1)
  expect(JSON.stringify(model.requests.at(-1)?.body).split('Use tabs, please.')).toHaveLength(2)
  expect(log()).toEqual(['step-1', 'step-2', 'step-3'])
  expect(await api.get(`/api/v1/tasks/${task_id}`)).toMatchObject({ status: 'cancelled', locked_by: null })
  // What was done stays where it was.
  expect(git(repo, 'worktree', 'list')).toContain(`task-${task_id}`)
  const events = await api.events(id)
  expect(events.map(event => event.seq)).toEqual(events.map((_, n) => n + 1))
  const states = events
    .map(event => event.type)
    .filter(type => /^RUN_(CREATED|STARTED|PAUSED|RESUMED|STOPPED|COMPLETED|FAILED)$/.test(type))
  expect(states[0]).toBe('RUN_CREATED')
  expect(states.at(-1)).toBe('RUN_STOPPED')
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
})
