import type { IncomingMessage } from 'node:http'
import * as z from 'zod'
import type { Block, Usage } from './messages-api.ts'

const content = z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).catch('')
/** The part of a request's body that matters here. */
export const requestBody = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  messages: z.array(z.looseObject({ role: z.string(), content })),
  tools: z.array(z.looseObject({ name: z.string().catch('') })).optional(),
})

/** One request of the CLI's main loop. */
export interface ModelRequest {
  sessionId: string
  model: string
  /** The key of the script that fits; null when a function answers. */
  key: string | null
  /** Text of the first user message: the prompt. */
  prompt: string
  /** Text of the last user message and of the tool results in it. */
  latest: string
  /** The working directory that the CLI tells the model. */
  cwd: string
  tools: string[]
  headers: IncomingMessage['headers']
  body: RequestBody
}

export type RequestBody = z.output<typeof requestBody>

/** Titles, summaries of pages and the like come without tools; the main loop and its sub-agents bring theirs. */
export function isMainLoop(body: RequestBody): boolean {
  return (body.tools ?? []).some(tool => tool.name === 'Bash' || tool.name === 'Read' || tool.name === 'StructuredOutput')
}

/** What a script or a test wants to know of a request. */
export function readRequest(request: IncomingMessage, body: RequestBody): ModelRequest {
  const users = body.messages.filter(message => message.role === 'user')
  const everything = body.messages.map(message => textOf(message.content)).join('\n') + textOf(content.parse(body.system ?? ''))
  return {
    sessionId: String(request.headers['x-claude-code-session-id'] ?? ''),
    model: body.model,
    key: null,
    prompt: textOf(users[0]?.content ?? ''),
    latest: textOf(users.at(-1)?.content ?? ''),
    cwd: /working directory: (.+)/i.exec(everything)?.[1]?.trim() ?? '.',
    tools: (body.tools ?? []).map(tool => tool.name),
    headers: request.headers,
    body,
  }
}

/** The blocks of a message, which may be a bare text. */
export function blocksOf(value: z.output<typeof content>): Record<string, unknown>[] {
  return typeof value === 'string' ? [{ type: 'text', text: value }] : value
}

function textOf(value: z.output<typeof content>): string {
  return blocksOf(value)
    .map(block => (block.type === 'tool_result' ? textOf(content.parse(block.content)) : String(block.text ?? '')))
    .join('\n')
}

/** Numbers of the size that a real conversation has: its history is read from the cache, what is new is written to it. */
export function usageOf(body: RequestBody, blocks: Block[], given: Partial<Usage> = {}): Usage {
  const news = tokensOf(JSON.stringify(body.messages.at(-1) ?? ''))
  const first = !body.messages.some(message => message.role === 'assistant')
  const whole = tokensOf(JSON.stringify(body))
  const sizes = {
    input: 4,
    output: Math.max(8, tokensOf(JSON.stringify(blocks))),
    cacheRead: first ? 0 : whole - news,
    cacheWrite: first ? whole : news,
  }
  return { ...sizes, ...given }
}

/** Four characters are about one token. */
export const tokensOf = (text: string) => Math.ceil(text.length / 4)
