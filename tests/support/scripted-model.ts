import { renameSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as bodyText } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { type Block, beginStream, type Message, sendError, sendJson, sendMessage, streamMessage } from './messages-api.ts'
import { Director } from './model-director.ts'
import { isMainLoop, type ModelRequest, type RequestBody, readRequest, requestBody, tokensOf, usageOf } from './model-request.ts'
import {
  type Answer,
  type Failure,
  isAnswer,
  type ModelScript,
  parseTurn,
  readScript,
  type ScriptedTurn,
  type Turn,
  toolCalls,
} from './model-script.ts'

/*
 * A model on loopback that says what a script tells it (see model-script.ts for the script). It speaks enough of the
 * Messages API for the real `claude` CLI to run end to end: tools really run, sessions really resume, money is counted.
 *
 * As a program of its own:  node tests/support/scripted-model.ts --script FILE.json --port-file F [--port N]
 * It writes its port into F when it listens, and ends on TERM.
 */

/** Answers the n-th main-loop request (from 0, over all sessions). */
export type Improviser = (request: ModelRequest, n: number) => ScriptedTurn | Promise<ScriptedTurn>

export interface ScriptedModel {
  /** For ANTHROPIC_BASE_URL. */
  readonly url: string
  /** Main-loop requests, in the order of arrival. */
  readonly requests: ModelRequest[]
  /** Method and path of everything else that was asked (counting tokens, greetings, titles). */
  readonly side: string[]
  /** Drops every connection and stops listening. */
  close(): Promise<void>
}

/** Starts a scripted model on loopback. A list is a script for every prompt. */
export async function startScriptedModel(script: ModelScript | ScriptedTurn[] | Improviser, port = 0): Promise<ScriptedModel> {
  const director = typeof script === 'function' ? null : new Director(Array.isArray(script) ? { '*': script } : script)
  const requests: ModelRequest[] = []
  const side: string[] = []

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '').split('?')[0]
    const body = await bodyText(request)
    const message = path === '/v1/messages' && request.method === 'POST' ? requestBody.safeParse(parsedJson(body)) : null
    if (message && !message.success) return sendError(response, 400, 'invalid_request_error', z.prettifyError(message.error))
    if (!message || !isMainLoop(message.data)) {
      side.push(`${request.method} ${path}`)
      if (message) return playAnswer(response, message.data, parseTurn('Scripted model') as Answer, 'side', '')
      if (request.method === 'HEAD') return void response.writeHead(200).end()
      if (path === '/v1/messages/count_tokens') return sendJson(response, 200, { input_tokens: tokensOf(body) })
      return sendError(response, 404, 'not_found_error', `${request.method} ${path}`)
    }
    const seen = readRequest(request, message.data)
    const n = requests.push(seen) - 1
    if (!director) return play(response, seen, parseTurn(await (script as Improviser)(seen, n)), `f${n}`)
    const next = director.next(seen)
    return play(response, seen, next.turn, next.id)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(error => {
      if (!response.headersSent) sendError(response, 400, 'invalid_request_error', String(error))
      else response.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    side,
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function play(response: ServerResponse, request: ModelRequest, turn: Turn, id: string): Promise<void> | void {
  if (isAnswer(turn)) return playAnswer(response, request.body, turn, id, request.cwd)
  return playFailure(response, request, turn)
}

let messages = 0

async function playAnswer(response: ServerResponse, body: RequestBody, turn: Answer, id: string, cwd: string) {
  const blocks: Block[] = []
  if (turn.thinking !== undefined) blocks.push({ type: 'thinking', thinking: turn.thinking, signature: 'c2NyaXB0ZWQ=' })
  if (turn.text !== undefined) blocks.push({ type: 'text', text: turn.text.replaceAll('{{cwd}}', cwd) })
  for (const call of toolCalls(turn, cwd)) blocks.push({ type: 'tool_use', id: `toolu_${id}_${process.pid}_${++messages}`, ...call })
  const message: Message = { id: `msg_${process.pid}_${++messages}`, model: body.model, blocks, usage: usageOf(body, blocks, turn.usage) }
  if (body.stream) await streamMessage(response, message, turn.dripMs)
  else sendMessage(response, message)
}

function playFailure(response: ServerResponse, request: ModelRequest, turn: Failure): void {
  if ('status' in turn && turn.html !== undefined) {
    response.writeHead(turn.status, { 'content-type': 'text/html', ...turn.headers }).end(page(turn.html))
    return
  }
  if ('status' in turn) {
    const type = turn.type ?? ERROR_TYPES[turn.status] ?? 'api_error'
    sendError(response, turn.status, type, turn.message ?? `scripted ${type} (model: ${request.model})`, turn.headers)
    return
  }
  const nothing = { id: `msg_${process.pid}_${++messages}`, model: request.model, blocks: [] }
  beginStream(response, { ...nothing, usage: { input: 10, output: 1, cacheRead: 0, cacheWrite: 0 } })
  if ('close' in turn) setImmediate(() => response.destroy())
}

const page = (title: string) => `<!DOCTYPE html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`

const ERROR_TYPES: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { script: { type: 'string' }, 'port-file': { type: 'string' }, port: { type: 'string' } } })
  if (!values.script || !values['port-file']) throw new Error('usage: scripted-model.ts --script FILE.json --port-file F [--port N]')
  const model = await startScriptedModel(readScript(values.script), Number(values.port ?? 0))
  // Renamed into place, so that whoever waits for the file never reads half a number.
  writeFileSync(`${values['port-file']}.new`, new URL(model.url).port)
  renameSync(`${values['port-file']}.new`, values['port-file'])
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void model.close())
}
