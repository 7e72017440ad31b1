import type * as z from 'zod'
import { RunnerError } from '../../../core/errors.ts'
import { openTrackerHttp, type TrackerHttpOptions, type TrackerReply, type TrackerRequest, understood } from '../../../http/http-client.ts'

const SERVER = 'the control plane'

interface Asked {
  query?: Record<string, string>
  body?: TrackerRequest['body']
  accept?: number[]
  /** How long the server itself may wait before it answers; comes on top of the time for an exchange. */
  waitSeconds?: number
  signal: AbortSignal
}

/** The calls of a control plane's API, whose answers are parsed. */
export type ControlPlaneCalls = ReturnType<typeof openCalls>

/** Those calls at a server. A task that is gone means LEASE_LOST too. */
export function openCalls(options: Pick<TrackerHttpOptions, 'url' | 'key' | 'requestTimeoutMs'>) {
  const http = openTrackerHttp({
    ...options,
    server: SERVER,
    prefix: '',
    advice: {
      unreachable: 'Check that `agent-runner server` runs there and that --server is right.',
      unauthorised:
        'Give a key of the kind worker: HEADLESS_PM_SERVER_KEY. `agent-runner keys create --kind worker` makes one at the server. Beside a server of your own on this machine it takes none, with the same state folder.',
    },
    failure: lost,
  })

  function exchange(method: TrackerRequest['method'], path: string, { waitSeconds = 0, ...asked }: Asked) {
    return http.call({ ...asked, method, path, timeoutMs: options.requestTimeoutMs + waitSeconds * 1000, waits: waitSeconds > 0 })
  }
  const read = <T>(schema: z.ZodType<T>, { body }: TrackerReply) => understood(SERVER, schema, body)

  return {
    url: http.url,
    exchange,
    read,
    get: async <T>(path: string, schema: z.ZodType<T>, asked: Asked) => read(schema, await exchange('GET', path, asked)),
    post: async <T>(path: string, schema: z.ZodType<T>, asked: Asked) => read(schema, await exchange('POST', path, asked)),
    put: async <T>(path: string, text: string, schema: z.ZodType<T>, asked: Omit<Asked, 'body'>) =>
      read(schema, await exchange('PUT', path, { ...asked, body: text })),
    answerTimes: http.answerTimes,
    close: http.close,
  }
}

/** What the kind of a problem means to a holder. */
function lost({ status, body }: TrackerReply): RunnerError | undefined {
  const { type, detail } = (body ?? {}) as { type?: unknown; detail?: unknown }
  if (status === 409 && type === 'urn:agent-runner:problem:lease-lost') return new RunnerError('LEASE_LOST', String(detail))
  if (status === 404 && type === 'urn:agent-runner:problem:not-found') return new RunnerError('LEASE_LOST', String(detail))
  return undefined
}
