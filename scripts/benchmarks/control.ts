import { waitFor } from '../../tests/support/wait-for.ts'
import { hasProc, processesWith } from './program.ts'
import { median, type Row } from './row.ts'
import { Sandbox } from './sandbox.ts'
import { type BenchServer, startBenchServer } from './server-client.ts'

const TURNS = 5
const SOON_MS = 2_000

/** How long it takes from a request of a person until the agent's process is ended, or started anew: pause, resume, directive, stop. */
export async function control(program: string): Promise<Row[]> {
  if (!hasProc) return []
  const sandbox = new Sandbox()
  const lane = ['--role', 'backend_dev', '--agent-id', 'lane', '--hooks-dir', sandbox.hooks, '--repo', sandbox.repo]
  const server = await startBenchServer([program, 'up', ...lane], { cwd: sandbox.repo, env: sandbox.env })
  try {
    const took: Record<Request, number[]> = { directive: [], pause: [], resume: [], stop: [] }
    for (let turn = 0; turn < TURNS; turn++) for (const [request, ms] of await oneRun(server, sandbox)) took[request].push(ms)
    return (Object.keys(took) as Request[]).map(request => ({
      what: `from a ${request} to its effect on the agent`,
      ...{ value: median(took[request]), unit: ' ms', aim: SOON_MS / 2, limit: SOON_MS },
      detail: `at most ${Math.max(...took[request]).toFixed(0)} ms in ${TURNS} runs`,
    }))
  } finally {
    await server.close()
    sandbox.remove()
  }
}

type Request = 'directive' | 'pause' | 'resume' | 'stop'

/** One run whose agent would sleep for a minute; how long each request took, in milliseconds. */
async function oneRun(server: BenchServer, { repo, agent }: Sandbox): Promise<[Request, number][]> {
  const [known] = (await server.call<{ id: string }[]>('GET', '/projects')).json
  const project = known ?? (await server.call<{ id: string }>('POST', '/projects', { name: 'bench', local_path: repo })).json
  const wanted = { project_id: project.id, goal: 'please-sleep', role: 'backend_dev' }
  const { id } = (await server.call<{ id: string }>('POST', '/runs', wanted)).json
  const agents = () => processesWith(agent)
  const first = await waitFor('the agent', () => agents()[0])
  const timed = async (request: Request, isDone: () => boolean): Promise<[Request, number]> => {
    const began = performance.now()
    await server.call('POST', `/runs/${id}/${request}`, request === 'directive' ? { text: 'please-sleep' } : undefined)
    await waitFor(`the effect of a ${request}`, isDone)
    return [request, performance.now() - began]
  }
  const took = [
    await timed('directive', () => agents().length > 0 && !agents().includes(first)),
    await timed('pause', () => agents().length === 0),
    await timed('resume', () => agents().length > 0),
    await timed('stop', () => agents().length === 0),
  ]
  await waitFor('the end of the run', async () => (await server.call<{ status: string }>('GET', `/runs/${id}`)).json.status === 'STOPPED')
  return took
}
