import type { AgentEvent } from '../core/event.ts'
import type { AttemptReader, ExitRecord } from '../core/ports.ts'
import type { AttemptEnd, Tokens } from '../core/run.ts'
import { classify } from './claude-outcome.ts'
import { type ClaudeBlock, type ClaudeLine, type ClaudeResult, type ClaudeUsage, claudeLines, parseClaudeLine } from './claude-stream.ts'
import { AT_LENGTH, atLength, cut, mainArgument, resultText } from './claude-words.ts'

/** How many messages are remembered so that each is counted once; its lines lie close together. */
const REMEMBERED = 64

/** A limit's window that is named after a model: `seven_day_opus`, but not `seven_day`. */
const MODEL_WINDOW = /_(?:hour|day|week|month)_[a-z]/

/** Reads one attempt of the `claude` CLI. Its memory does not grow with the length of the stream. */
export class ClaudeReader implements AttemptReader {
  #sessionId: string | null = null
  #model: string | null = null
  #verdictAsked = false
  #result: ClaudeResult | null = null
  #verdict: unknown
  #lastText = ''
  #apiError = ''
  #resetsAt: number | null = null
  #ofModelAlone = false
  #toolCalls = 0
  /** Counted from the messages, for an attempt that ends without a result. */
  #seen = { turns: 0, tokens: none() }
  /** Counted by the CLI; added up, for it writes one result per turn that it was woken for. */
  #told = { turns: 0, costUsd: 0, tokens: none() }
  #messages = new Map<string, ClaudeUsage>()

  readonly #verbose: boolean

  constructor(verbose = false) {
    claudeLines()
    this.#verbose = verbose
  }

  read(source: string): AgentEvent[] {
    const line = parseClaudeLine(source)
    if (!line) return []
    if ('session_id' in line && line.session_id) this.#sessionId = line.session_id
    switch (line.type) {
      case 'system':
        return this.#system(line)
      case 'assistant':
        return this.#assistant(line)
      case 'user':
        return line.message.content.flatMap(block => resultEvents(block, this.#verbose))
      case 'rate_limit_event':
        // A limit that lets work through again is none.
        this.#resetsAt = line.rate_limit_info.status === 'rejected' ? milliseconds(line.rate_limit_info.resetsAt) : null
        this.#ofModelAlone = MODEL_WINDOW.test(line.rate_limit_info.rateLimitType)
        return []
      case 'result':
        this.#take(line)
        return []
    }
  }

  /**
   * What the attempt came to. Without a result line the tokens are those that the messages showed, without most of the
   * output, and the cost is 0: only the CLI knows its prices.
   */
  end(exit: ExitRecord, stderr: string): AttemptEnd {
    const { reason, text, verdict, resetsAt } = classify({
      exit,
      stderr,
      result: this.#result,
      verdictAsked: this.#verdictAsked,
      verdict: this.#verdict,
      apiError: this.#apiError,
      lastText: this.#lastText,
      resetsAt: this.#resetsAt,
    })
    return {
      reason,
      text,
      verdict,
      resetsAt,
      ofModelAlone: (reason === 'usage_limit' && this.#ofModelAlone) || undefined,
      sessionId: this.#sessionId,
      model: this.#model,
      costUsd: this.#told.costUsd,
      turns: this.#result ? this.#told.turns : this.#seen.turns,
      toolCalls: this.#toolCalls,
      tokens: this.#result ? this.#told.tokens : this.#seen.tokens,
      durationMs: exit.durationMs,
    }
  }

  #system(line: Extract<ClaudeLine, { type: 'system' }>): AgentEvent[] {
    if (line.subtype === 'api_retry') {
      const status = line.error_status === null ? 'no answer' : `status ${line.error_status}`
      return [{ type: 'agent_text', text: `(The model API: ${status}; the CLI tries again, ${line.attempt} of ${line.max_retries}.)` }]
    }
    if (line.subtype !== 'init') return []
    this.#verdictAsked ||= line.tools.includes('StructuredOutput')
    if (this.#model !== null) return []
    this.#model = line.model
    return [{ type: 'agent_ready', sessionId: line.session_id, model: line.model }]
  }

  #assistant(line: Extract<ClaudeLine, { type: 'assistant' }>): AgentEvent[] {
    const mine = line.parent_tool_use_id === null
    if (!line.is_api_error_message) this.#count(line)
    // The last word counts: the CLI may have got over an earlier error, and a sub-agent's is not the agent's.
    if (mine) this.#apiError = line.is_api_error_message ? line.error : ''
    return line.message.content.flatMap((block): AgentEvent[] => {
      if (block.type === 'tool_use') {
        this.#toolCalls++
        const used = { type: 'tool_used', id: block.id, tool: block.name, argument: mainArgument(block.input) } as const
        return [this.#verbose ? { ...used, input: atLength(block.input) } : used]
      }
      // What sub-agents say to themselves is not the agent's word; their tools are told, because they change things.
      if (!mine) return []
      if (block.type === 'thinking' && block.thinking)
        return [{ type: 'agent_thinking', text: cut(block.thinking, this.#verbose ? AT_LENGTH : 2_000) }]
      if (block.type !== 'text' || !block.text) return []
      if (!line.is_api_error_message) this.#lastText = cut(block.text, 8_000)
      return [{ type: 'agent_text', text: cut(block.text, this.#verbose ? AT_LENGTH : 2_000) }]
    })
  }

  /** Every block of a message is a line of its own with the same usage; only what is new in it is added. */
  #count(line: Extract<ClaudeLine, { type: 'assistant' }>): void {
    const { id, usage } = line.message
    const before = this.#messages.get(id)
    if (!before) {
      if (line.parent_tool_use_id === null) this.#seen.turns++
      if (this.#messages.size >= REMEMBERED) this.#messages.delete(this.#messages.keys().next().value!)
    }
    this.#messages.set(id, usage)
    const { tokens } = this.#seen
    tokens.input += usage.input_tokens - (before?.input_tokens ?? 0)
    tokens.output += usage.output_tokens - (before?.output_tokens ?? 0)
    tokens.cacheRead += usage.cache_read_input_tokens - (before?.cache_read_input_tokens ?? 0)
    tokens.cacheWrite += usage.cache_creation_input_tokens - (before?.cache_creation_input_tokens ?? 0)
  }

  #take(line: ClaudeResult): void {
    const { tokens } = this.#told
    this.#result = line
    this.#verdict = line.structured_output ?? this.#verdict
    this.#told.turns += line.num_turns
    if (!line.model_usage_since_last_result) {
      // An older CLI: its sums are over the whole session.
      this.#told.costUsd = Math.max(this.#told.costUsd, line.total_cost_usd)
      tokens.input += line.usage.input_tokens
      tokens.output += line.usage.output_tokens
      tokens.cacheRead += line.usage.cache_read_input_tokens
      tokens.cacheWrite += line.usage.cache_creation_input_tokens
      return
    }
    for (const used of Object.values(line.model_usage_since_last_result)) {
      this.#told.costUsd += used.costUSD
      tokens.input += used.inputTokens
      tokens.output += used.outputTokens
      tokens.cacheRead += used.cacheReadInputTokens
      tokens.cacheWrite += used.cacheCreationInputTokens
    }
  }
}

function resultEvents(block: ClaudeBlock, verbose: boolean): AgentEvent[] {
  if (block.type !== 'tool_result') return []
  return [{ type: 'tool_result', id: block.tool_use_id, ok: !block.is_error, text: resultText(block.content, verbose) }]
}

function none(): Tokens {
  return { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }
}

/** The CLI tells seconds; a later one may tell milliseconds. */
function milliseconds(time: number | null): number | null {
  return time === null ? null : time < 1e11 ? time * 1000 : time
}
