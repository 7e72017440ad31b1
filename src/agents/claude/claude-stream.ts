import * as z from 'zod'
import { readJson } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'

/*
 * The lines of `claude -p --output-format stream-json`, tried with 2.1.329. Only what the runner needs is described;
 * everything else is let through. Numbers and texts that are missing or of another type become zero or nothing, because
 * a new version of the CLI must not cost us a finished task.
 */

/** Built when an attempt is read for the first time: a start has no use for it, and while an agent starts there is time. */
export function claudeLines() {
  built ??= build()
  return built
}
let built: ReturnType<typeof build> | undefined

function build() {
  const text = z.string().catch('')
  /** Sums and counts: negative and infinite numbers count as none. */
  const number = z.number().nonnegative().catch(0)

  const usage = z
    .object({ input_tokens: number, output_tokens: number, cache_read_input_tokens: number, cache_creation_input_tokens: number })
    .catch({ input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 })

  /** What was used of one model, by the CLI's own count. Sub-agents are in it. */
  const modelUsage = z.record(
    z.string(),
    z.object({
      inputTokens: number,
      outputTokens: number,
      cacheReadInputTokens: number,
      cacheCreationInputTokens: number,
      costUSD: number,
    }),
  )

  const block = z.discriminatedUnion('type', [
    z.object({ type: z.literal('text'), text }),
    z.object({ type: z.literal('thinking'), thinking: text }),
    z.object({ type: z.literal('tool_use'), id: text, name: text, input: z.record(z.string(), z.unknown()).catch({}) }),
    z.object({ type: z.literal('tool_result'), tool_use_id: text, content: z.unknown(), is_error: z.boolean().catch(false) }),
    z.object({ type: z.literal('other') }),
  ])

  /** Skip blocks of unknown kinds, not the whole line. */
  const blocks = z
    .array(block.catch({ type: 'other' }))
    .or(z.string().transform(said => [{ type: 'text' as const, text: said }]))
    .catch([])

  const line = z.discriminatedUnion('type', [
    z.object({
      type: z.literal('system'),
      subtype: text,
      session_id: text,
      model: text,
      tools: z.array(z.string()).catch([]),
      attempt: number,
      max_retries: number,
      error_status: z.number().nullable().catch(null),
    }),
    z.object({
      type: z.literal('assistant'),
      session_id: text,
      parent_tool_use_id: z.string().nullable().catch(null),
      is_api_error_message: z.boolean().catch(false),
      /** One word for an error of the API: `authentication_failed`, `model_not_found`, `rate_limit`, `server_error`, … */
      error: text,
      message: z.object({ id: text, model: text, content: blocks, usage }),
    }),
    z.object({ type: z.literal('user'), session_id: text, message: z.object({ content: blocks }) }),
    z.object({
      type: z.literal('rate_limit_event'),
      rate_limit_info: z.object({ status: text, rateLimitType: text, resetsAt: z.number().nullable().catch(null) }),
    }),
    z.object({
      type: z.literal('result'),
      subtype: text,
      is_error: z.boolean().catch(true),
      api_error_status: z.number().nullable().catch(null),
      terminal_reason: text,
      result: text,
      errors: z.array(z.string()).catch([]),
      /** Tool calls that the permission mode did not let through. */
      permission_denials: z.array(z.object({ tool_name: text, tool_input: z.record(z.string(), z.unknown()).catch({}) })).catch([]),
      num_turns: number,
      total_cost_usd: number,
      session_id: text,
      usage,
      /** Over the whole session: a resumed one brings what its earlier processes used. */
      modelUsage: modelUsage.catch({}),
      /** The cost of this process alone, since its last result line. Only this may be added up over attempts. */
      model_usage_since_last_result: modelUsage.nullable().catch(null),
      structured_output: z.unknown().optional(),
    }),
  ])

  return { line, block, usage }
}

type Schemas = ReturnType<typeof build>
export type ClaudeLine = z.output<Schemas['line']>
export type ClaudeBlock = z.output<Schemas['block']>
export type ClaudeResult = Extract<ClaudeLine, { type: 'result' }>
export type ClaudeUsage = z.output<Schemas['usage']>

/** Compiling the schemas takes as long as reading this many lines without. */
const WORTH_COMPILING = 200
let read = 0

/** The message in one stdout line; null for lines that are not understood. Never throws. */
export function parseClaudeLine(source: string): ClaudeLine | null {
  if (!source.trimStart().startsWith('{')) return null
  try {
    return (
      claudeLines().line.safeParse(readJson(source, { characters: LIMITS.agentLine.most }), { jitless: ++read < WORTH_COMPILING }).data ??
      null
    )
  } catch {
    return null
  }
}
