import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ApiServer } from './server-types.ts'

/** What is counted when somebody asks for the metrics. */
export interface Measured {
  /** Runs by their status. */
  runs(): Promise<Record<string, number>>
  /** Workers that were seen lately. */
  workers(): Promise<number>
  subscribers(): number
}

/** The metrics of this process and of the control plane, for Prometheus. Requests are timed from here on. */
export function measure(api: ApiServer, measured: Measured): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = new Histogram({
    name: 'agent_runner_http_request_seconds',
    help: 'Time from a request to its answer, by route.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers: [registry],
  })
  api.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
  })
  new Gauge({
    name: 'agent_runner_runs',
    help: 'Runs by status.',
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      this.reset()
      for (const [status, count] of Object.entries(await measured.runs())) this.set({ status }, count)
    },
  })
  new Gauge({
    name: 'agent_runner_workers',
    help: 'Workers that were seen in the last two minutes.',
    registers: [registry],
    async collect() {
      this.set(await measured.workers())
    },
  })
  new Gauge({
    name: 'agent_runner_event_subscribers',
    help: 'Open event streams.',
    registers: [registry],
    collect() {
      this.set(measured.subscribers())
    },
  })
  return registry
}
