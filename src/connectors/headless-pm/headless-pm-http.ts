import { openTrackerHttp, type TrackerHttp } from '../../http/http-client.ts'

/** The HTTP side of the Headless PM API. Throws CONFIG_INVALID for an unusable URL. */
export function openHeadlessPmHttp(options: { url: string; key: string | null; requestTimeoutMs: number }): TrackerHttp {
  return openTrackerHttp({ ...options, server: 'the PM server', prefix: '/api/v1' })
}
