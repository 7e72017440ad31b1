import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ApiServer } from './server-types.ts'

/** What is counted when somebody asks for the metrics; `customer` null counts those of all. */
export interface Measured {
  /** Runs by their status. */
  runs(customer: string | null): Promise<Record<string, number>>
  /** Workers that were seen lately. */
  workers(customer: string | null): Promise<number>
  /** Bytes that are stored, by customer. */
  storage(customer: string | null): Promise<Record<string, number>>
  subscribers(): number
}

export interface Metrics {
  contentType: string
  /** Callers that see all customers get everything that is counted, and data of this process. A customer gets only its own counts. */
  of(customer: string | null): Promise<string>
}

/** The metrics of this process and of the control plane, for Prometheus. Requests are timed from here on. */
export function measure(api: ApiServer, measured: Measured): Metrics {
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
    name: 'agent_runner_event_subscribers',
    help: 'Open event streams.',
    registers: [registry],
    collect() {
      this.set(measured.subscribers())
    },
  })
  return {
    contentType: registry.contentType,
    async of(customer) {
      const counted = await countsOf(measured, customer)
      return customer === null ? `${counted}\n${await registry.metrics()}` : counted
    },
  }
}

/** It is made anew for each answer, since two concurrent requests may be for different customers. */
async function countsOf(measured: Measured, customer: string | null): Promise<string> {
  const registry = new Registry()
  const registers = [registry]
  const runs = new Gauge({ name: 'agent_runner_runs', help: 'Runs by status.', labelNames: ['status'], registers })
  const workers = new Gauge({ name: 'agent_runner_workers', help: 'Workers that were seen in the last two minutes.', registers })
  const storage = new Gauge({
    name: 'agent_runner_storage_bytes',
    help: 'What each customer has stored.',
    labelNames: ['customer'],
    registers,
  })
  for (const [name, bytes] of Object.entries(await measured.storage(customer))) storage.set({ customer: name }, bytes)
  for (const [status, count] of Object.entries(await measured.runs(customer))) runs.set({ status }, count)
  workers.set(await measured.workers(customer))
  return await registry.metrics()
}
