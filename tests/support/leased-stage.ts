import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { apiClient } from './api-client.ts'
import { freePort, startProgram } from './child-program.ts'
import { embeddedStage } from './crash-stage.ts'
import { FAR_MS } from './patience.ts'
import { endLease } from './rows.ts'
import { tempFolder } from './temp.ts'
import { waitFor } from './wait-for.ts'

/** A control plane, a run in it, and a stage whose runners take it; its agent writes twice and waits. */
export async function leasedStage(run: Record<string, unknown> = {}, env: Record<string, string> = {}) {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = join(import.meta.dirname, '../fixtures/server-program.ts')
  const file = join(tempFolder(), 'agent-runner.db')
  startProgram([server, file, String(port), String(FAR_MS)])
  const api = apiClient(url)
  await api.ready()
  const tracker = { HEADLESS_PM_TRACKER: 'control-plane', HEADLESS_PM_SERVER: url, HEADLESS_PM_PROJECT: 'shop' }
  const stage = await embeddedStage({ env: { ...env, ...tracker } })
  const project = await api.post('/projects', { name: 'shop', local_path: '/srv/shop' })
  const made = await api.post('/runs', { project_id: project.id, goal: 'Make it so', ...run })
  stage.agent.hold(2)
  onTestFinished(() => stage.agent.letGo())

  /** The lease of the run is over, and the server has noticed. Whoever holds it must be dead or stopped. */
  async function leaseEnds(): Promise<void> {
    await waitFor('the run is free', async () => {
      // Again and again, since a renewal that the holder sent with its last breath may still be under way.
      await endLease(file, made.id)
      return (await api.get(`/runs/${made.id}`)).status === 'QUEUED'
    })
  }
  return { api, url, stage, run: made, leaseEnds }
}
