import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Pool } from 'undici'
import { begin, end, type Surroundings } from './program.ts'

/** A server of the control plane in a process of its own, and a client of it. */
export interface BenchServer {
  pid: number
  /** One request; its status and, when there is one, its JSON. Throws for any failure. */
  call<T = unknown>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<{ status: number; json: T }>
  /** Follows all events from now on; resolves once it listens. */
  subscribe(told: (text: string) => void): Promise<void>
  close(): Promise<void>
}

/** Starts a command that serves the control plane (`agent-runner server`, `up`) on loopback. */
export async function startBenchServer(command: string[], there: Surroundings): Promise<BenchServer> {
  const child = begin([...command, '--port', '0', '--json'], there)
  const { url, key_file } = await listening(child)
  const [name = '', value = ''] = readFileSync(key_file, 'utf8').trim().split(': ')
  const owner = { [name]: value }
  const pool = new Pool(url, { connections: 512, headersTimeout: 60_000, bodyTimeout: 0 })
  const leaving = new AbortController()
  return {
    pid: child.pid!,
    async call<T>(method: 'GET' | 'POST', path: string, body?: unknown) {
      const answer = await pool.request({
        ...{ method, path },
        headers: { ...owner, ...(body !== undefined && { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
      })
      const text = await answer.body.text()
      if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`)
      return { status: answer.statusCode, json: (text === '' ? null : JSON.parse(text)) as T }
    },
    async subscribe(told) {
      const { body } = await pool.request({ method: 'GET', path: '/events/stream', headers: owner, signal: leaving.signal })
      body.setEncoding('utf8')
      body.on('error', () => {})
      await new Promise<void>(resolve => body.once('data', () => resolve()))
      body.on('data', told)
    },
    async close() {
      leaving.abort()
      await end(child)
      await pool.destroy()
    },
  }
}

/** What the server tells when it listens: its address, and the file with its owner's key. */
async function listening(child: ChildProcess): Promise<{ url: string; key_file: string }> {
  let words = ''
  child.stderr!.on('data', chunk => {
    words += chunk
  })
  const { promise, resolve, reject } = Promise.withResolvers<{ url: string; key_file: string }>()
  child.stdout!.on('data', chunk => {
    const line = /^\{.*\}$/m.exec(String(chunk))
    if (line) resolve(JSON.parse(line[0]))
  })
  child.once('exit', code => reject(new Error(`the server ended with ${code}:\n${words}`)))
  return promise
}
