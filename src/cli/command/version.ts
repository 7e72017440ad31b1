import { createRequire } from 'node:module'

/** The version of this program: the one built in, else that of the checkout's package.json. */
export function version(): string {
  return process.env.AGENT_RUNNER_VERSION ?? (createRequire(import.meta.url)('../../../package.json') as { version: string }).version
}
