import type { IncomingMessage } from 'node:http'
import { type Finding, type HookInput, type HookPlace, runAsProgram, verdict } from './document.ts'
import { diskSpace, memory } from './machine.ts'

const PATIENCE_MS = 5_000

/** Every now and then: is there disk space and memory, does the PM answer? Exit code 0 when all is well, else 1. */
export async function main(document: HookInput, place: HookPlace): Promise<number> {
  const findings = [...(await diskSpace([place.folder, document.state_dir], place)), ...memory(place)]
  if (document.tracker.name === 'headless-pm') findings.push(await reachable(document.tracker.url, place))
  return verdict(findings, place)
}

/** The PM's own health page needs no key. */
async function reachable(base: string, place: HookPlace): Promise<Finding> {
  try {
    const url = new URL('health', base.endsWith('/') ? base : `${base}/`)
    const { status, text } = await page(url, place)
    const state = stateIn(text)
    if (status === 200 && state === 'healthy') return { ok: true, says: `the PM answers at ${base}` }
    return {
      ok: false,
      says: `the PM at ${base} answers ${status}, ${state === null ? 'and not as a PM does' : `"${state}"`}: look at its log`,
    }
  } catch (error) {
    const why =
      (error as Error).name === 'TimeoutError' ? `no answer in ${PATIENCE_MS / 1000} s` : (error as Error).message || String(error)
    return { ok: false, says: `the PM cannot be reached at ${base}: ${why}` }
  }
}

async function page(url: URL, place: HookPlace): Promise<{ status: number; text: string }> {
  // Not fetch: loading it takes longer than the whole check. And nothing before there is somebody to ask.
  const { get } = await import(url.protocol === 'https:' ? 'node:https' : 'node:http')
  const late = AbortSignal.timeout(PATIENCE_MS)
  const signal = AbortSignal.any([late, place.signal])
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { signal, agent: false }, resolve).on('error', reject)
    })
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk
      if (text.length > 64 * 1024) break
    }
    return { status: response.statusCode ?? 0, text }
  } catch (error) {
    throw late.aborted ? late.reason : error
  }
}

function stateIn(text: string): string | null {
  try {
    const { status } = JSON.parse(text) as { status?: unknown }
    return typeof status === 'string' ? status : null
  } catch {
    return null
  }
}

if (import.meta.main) void runAsProgram(main)
