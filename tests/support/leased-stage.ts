import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { apiClient } from './api-client.ts'
import { freePort, startProgram } from './child-program.ts'
import { embeddedStage } from './crash-stage.ts'
import { tempFolder } from './temp.ts'

/** A control plane with leases of a second and a half, a run in it, and a stage whose runners take it; its agent writes twice and waits. */
export async function leasedStage(run: Record<string, unknown> = {}, env: Record<string, string> = {}) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = join(import.meta.dirname, '../fixtures/server-program.ts')
  startProgram([server, join(tempFolder(), 'agent-runner.db'), String(port), '1500'])
  const api = apiClient(url)
  await api.ready()
  const tracker = { HEADLESS_PM_TRACKER: 'control-plane', HEADLESS_PM_SERVER: url, HEADLESS_PM_PROJECT: 'shop' }
  const stage = await embeddedStage({ env: { ...env, ...tracker } })
  const project = await api.post('/projects', { name: 'shop', local_path: '/srv/shop' })
  const made = await api.post('/runs', { project_id: project.id, goal: 'Make it so', ...run })
  stage.agent.hold(2)
  onTestFinished(() => stage.agent.letGo())
  return { api, url, stage, run: made }
}
