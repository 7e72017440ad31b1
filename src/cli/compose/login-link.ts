import * as z from 'zod'
import { openCalls } from '../../connectors/control-plane/http/control-plane-calls.ts'

const loginLink = z.object({ url: z.string(), expires_at: z.string() })

/** Asks a server of this machine for a link that opens its page in the browser, once. Throws TRACKER_UNREACHABLE when it is gone. */
export async function newLoginLink(server: { url: string; key: string; requestTimeoutMs: number }): Promise<z.infer<typeof loginLink>> {
  const calls = openCalls(server)
  try {
    return await calls.post('/login-links', loginLink, { signal: new AbortController().signal })
  } finally {
    calls.close()
  }
}
