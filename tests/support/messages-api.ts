import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** One block of an answer as the Messages API gives it. */
export type Block =
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'text'; text: string }
  | { type: 'tool_use'; id: string; name: string; input: Record<string, unknown> }

export interface Usage {
  input: number
  output: number
  cacheRead: number
  cacheWrite: number
}

export interface Message {
  id: string
  model: string
  blocks: Block[]
  usage: Usage
}

const stopReason = (message: Message) => (message.blocks.some(block => block.type === 'tool_use') ? 'tool_use' : 'end_turn')

const wireUsage = (usage: Usage) => ({
  input_tokens: usage.input,
  cache_creation_input_tokens: usage.cacheWrite,
  cache_read_input_tokens: usage.cacheRead,
  output_tokens: usage.output,
})

/** The first half of a stream: what is sent before the model has said anything. */
export function beginStream(response: ServerResponse, message: Message): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'request-id': `req_${message.id}` })
  const { id, model } = message
  const usage = { ...wireUsage(message.usage), output_tokens: 1 }
  send(response, {
    type: 'message_start',
    message: { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage },
  })
}

/** Streams a whole answer; `dripMs` waits between small pieces. Ends early when the client has gone. */
export async function streamMessage(response: ServerResponse, message: Message, dripMs?: number): Promise<void> {
  beginStream(response, message)
  for (const [index, block] of message.blocks.entries()) {
    send(response, { type: 'content_block_start', index, content_block: emptied(block) })
    for (const delta of deltas(block, dripMs === undefined ? 4_096 : 8)) {
      if (dripMs !== undefined) await delay(dripMs)
      if (response.destroyed) return
      send(response, { type: 'content_block_delta', index, delta })
    }
    send(response, { type: 'content_block_stop', index })
  }
  const delta = { stop_reason: stopReason(message), stop_sequence: null }
  send(response, { type: 'message_delta', delta, usage: wireUsage(message.usage) })
  send(response, { type: 'message_stop' })
  response.end()
}

/** A whole answer as one JSON document, for requests without `stream`. */
export function sendMessage(response: ServerResponse, message: Message): void {
  const { id, model, blocks: content } = message
  sendJson(response, 200, {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: stopReason(message),
    stop_sequence: null,
    usage: wireUsage(message.usage),
  })
}

/** An error in the API's own form. */
export function sendError(
  response: ServerResponse,
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  sendJson(response, status, { type: 'error', error: { type, message }, request_id: 'req_scripted' }, headers)
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

function send(response: ServerResponse, event: { type: string } & Record<string, unknown>): void {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}

function emptied(block: Block): Record<string, unknown> {
  if (block.type === 'text') return { type: 'text', text: '' }
  if (block.type === 'thinking') return { type: 'thinking', thinking: '', signature: '' }
  return { ...block, input: {} }
}

function* deltas(block: Block, size: number): Generator<Record<string, unknown>> {
  const whole = block.type === 'text' ? block.text : block.type === 'thinking' ? block.thinking : JSON.stringify(block.input)
  for (let at = 0; at < whole.length; at += size) {
    const piece = whole.slice(at, at + size)
    if (block.type === 'text') yield { type: 'text_delta', text: piece }
    else if (block.type === 'thinking') yield { type: 'thinking_delta', thinking: piece }
    else yield { type: 'input_json_delta', partial_json: piece }
  }
  if (block.type === 'thinking') yield { type: 'signature_delta', signature: block.signature }
}
