import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import type { Stage, Started } from './stage.ts'

export interface Answer {
  /** 0 when the connection was closed without one. */
  status: number
  headers: IncomingMessage['headers']
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: attacks look into it, and throw by themselves.
  json: any
  ms: number
}

interface Asked {
  method?: string
  headers?: Record<string, string>
  key?: string
  json?: unknown
  /** Sent as it is, in the place of JSON. */
  body?: string
}

/** A server of the built program, as its owner and as others see it. */
export interface Target {
  url: string
  port: number
  /** The file with the owner's key. */
  keyFile: string
  ask(path: string, asked?: Asked): Promise<Answer>
  /** As the owner. */
  own(path: string, asked?: Asked): Promise<Answer>
  program: Started
}

/** Starts `agent-runner server` on a free port. */
export async function startTarget(stage: Stage, flags: string[] = []): Promise<Target> {
  const program = stage.start(['server', '--port', '0', '--json', ...flags])
  const [line] = await program.until(/^\{"url".*\}$/m)
  const { url, key_file: keyFile } = JSON.parse(line) as { url: string; key_file: string }
  const ownKey = async () => (await stage.program(['cat', keyFile])).stdout.trim().split(' ').at(-1)!
  const key = await ownKey()
  const ask = (path: string, asked: Asked = {}) => asking(`${url}${path}`, asked)
  return { url, port: Number(new URL(url).port), keyFile, program, ask, own: (path, asked) => ask(path, { key, ...asked }) }
}

function asking(url: string, { method = 'GET', headers = {}, key, json, body }: Asked): Promise<Answer> {
  const began = performance.now()
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const all = {
    ...(key && { authorization: `Bearer ${key}` }),
    ...(json !== undefined && { 'content-type': 'application/json' }),
    ...headers,
  }
  const sent: ClientRequest = request(url, { method, headers: all, agent: false }, response => {
    let text = ''
    response.setEncoding('utf8').on('data', part => (text += part))
    response.on('close', () => {
      const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== ''
      const ms = performance.now() - began
      resolve({ status: response.statusCode!, headers: response.headers, text, json: isJson ? JSON.parse(text) : null, ms })
    })
  })
  sent.on('error', () => resolve({ status: 0, headers: {}, text: '', json: null, ms: performance.now() - began }))
  sent.end(json === undefined ? body : JSON.stringify(json))
  return promise
}

/** One exchange in raw bytes: what the server says until it closes the connection. */
export function raw(port: number, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let heard = ''
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('utf8').on('data', part => (heard += part))
  socket.on('error', () => {}).on('close', () => resolve(heard))
  socket.setTimeout(20_000, () => socket.destroy())
  socket.write(text)
  return promise
}
