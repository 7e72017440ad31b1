import type { AgentEvent } from '../../core/event.ts'
import type { AttemptPlan, AttemptReader, ExitRecord, ReadingOptions } from '../../core/ports/agent.ts'
import type { AttemptEnd, Tokens } from '../../core/run.ts'
import { classify, isItsWord } from './claude-outcome.ts'
import { leastCostUsd } from './claude-prices.ts'
import { type ClaudeBlock, type ClaudeLine, type ClaudeResult, type ClaudeUsage, claudeLines, parseClaudeLine } from './claude-stream.ts'
import { AT_LENGTH, atLength, cut, mainArgument, resultText } from './claude-words.ts'

/** How many messages are remembered, so that each is counted once. The lines of a message are close together. */
const REMEMBERED = 64

/** How many calls without an answer are remembered; no agent makes more at once. */
const OPEN_CALLS = 1_000
/** How many denied calls are named. */
const DENIED_TOLD = 5

/** A limit's window that is named after a model: `seven_day_opus`, but not `seven_day`. */
const MODEL_WINDOW = /_(?:hour|day|week|month)_[a-z]/

/** Reads one attempt of the `claude` CLI. Its memory does not grow with the length of the stream. */
export class ClaudeReader implements AttemptReader {
  /** The session id from the CLI's first line, which is written before anything of the task has run. */
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
  /** Calls of the agent itself that have no answer yet. */
  #open = new Set<string>()
  #retrying: number | null | undefined
  /** Counted from the messages, for an attempt that ends without a result. */
  #seen = { turns: 0, tokens: none() }
  /** Counted by the CLI and added up, because it writes one result per turn. */
  #told = { turns: 0, costUsd: 0, tokens: none() }
  #messages = new Map<string, ClaudeUsage>()

  readonly #verbose: boolean
  readonly #mode: AttemptPlan['mode']

  constructor({ mode, verbose = false }: ReadingOptions) {
    claudeLines()
    this.#verbose = verbose
    this.#mode = mode
  }

  read(source: string): AgentEvent[] {
    const line = parseClaudeLine(source)
    if (!line) return []
    if (line.type === 'assistant' || line.type === 'user') this.#goesOn()
    switch (line.type) {
      case 'system':
        return this.#system(line)
      case 'assistant':
        return this.#assistant(line)
      case 'user':
        for (const block of line.message.content) if (block.type === 'tool_result') this.#open.delete(block.tool_use_id)
        return line.message.content.flatMap(block => resultEvents(block, this.#verbose))
      case 'rate_limit_event':
        // A limit that lets work through again counts no more.
        this.#resetsAt = line.rate_limit_info.status === 'rejected' ? milliseconds(line.rate_limit_info.resetsAt) : null
        this.#ofModelAlone = MODEL_WINDOW.test(line.rate_limit_info.rateLimitType)
        return []
      case 'result':
        this.#take(line)
        return []
    }
  }

  /**
   * The end of the attempt. Without a valid result line, tokens and cost come from the messages, which lack most of the output, so they
   * are a lower bound.
   */
  end(exit: ExitRecord, stderr: string): AttemptEnd {
    const result = this.#result && isItsWord(this.#result, exit) ? this.#result : null
    const tokens = result ? this.#told.tokens : this.#seen.tokens
    const { reason, text, verdict, resetsAt } = classify({
      mode: this.#mode,
      exit,
      stderr,
      result,
      verdictAsked: this.#verdictAsked,
      verdict: this.#verdict,
      apiError: this.#apiError,
      lastText: this.#lastText,
      begun: this.#sessionId !== null,
      turns: this.#seen.turns,
      toolCalls: this.#toolCalls,
      retrying: this.#retrying,
      resetsAt: this.#resetsAt,
    })
    const denied = (result?.permission_denials ?? []).map(call => `${call.tool_name} ${mainArgument(call.tool_input)}`.trim())
    return {
      reason,
      text,
      verdict,
      resetsAt,
      ofModelAlone: (reason === 'usage_limit' && this.#ofModelAlone) || undefined,
      sessionId: this.#sessionId,
      model: this.#model,
      costUsd: result ? this.#told.costUsd : leastCostUsd(tokens, this.#model ?? ''),
      costIsLeast: (!result && this.#seen.turns > 0) || undefined,
      denied: denied.length || undefined,
      remarks: remarks(denied, reason === 'completed' && text === ''),
      turns: result ? this.#told.turns : this.#seen.turns,
      toolCalls: this.#toolCalls,
      tokens,
      durationMs: exit.durationMs,
    }
  }

  #system(line: Extract<ClaudeLine, { type: 'system' }>): AgentEvent[] {
    if (line.subtype === 'api_retry') {
      this.#retrying = line.error_status
      const status = line.error_status === null ? 'no answer' : `status ${line.error_status}`
      return [{ type: 'agent_text', text: `(The model API: ${status}; the CLI tries again, ${line.attempt} of ${line.max_retries}.)` }]
    }
    if (line.subtype !== 'init') return []
    this.#verdictAsked ||= line.tools.includes('StructuredOutput')
    if (this.#model !== null) return []
    this.#model = line.model
    this.#sessionId = line.session_id
    return [{ type: 'agent_ready', sessionId: line.session_id, model: line.model }]
  }

  #assistant(line: Extract<ClaudeLine, { type: 'assistant' }>): AgentEvent[] {
    const mine = line.parent_tool_use_id === null
    this.#retrying = undefined
    if (!line.is_api_error_message) this.#count(line)
    // The last word counts: the CLI may have got over an earlier error, and a sub-agent's is not the agent's.
    if (mine) this.#apiError = line.is_api_error_message ? line.error : ''
    return line.message.content.flatMap((block): AgentEvent[] => {
      if (block.type === 'tool_use') {
        this.#toolCalls++
        if (mine && this.#open.size < OPEN_CALLS) this.#open.add(block.id)
        const used = { type: 'tool_used', id: block.id, tool: block.name, argument: mainArgument(block.input) } as const
        return [this.#verbose ? { ...used, input: atLength(block.input) } : used]
      }
      // Texts of sub-agents are not the agent's words; their tools are reported, because they change things.
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

  /** A result is the last word of a turn. One that is followed by more output was none, or belonged to an earlier turn. */
  #goesOn(): void {
    this.#result = null
    this.#verdict = undefined
  }

  /**
   * Whether the CLI can have written this result line here: it has begun, names its own session, and has heard the end of every tool that it
   * called. What the agent runs can write to its output, too.
   */
  #isPlausible(line: ClaudeResult): boolean {
    if (line.session_id !== '' && this.#sessionId !== null && line.session_id !== this.#sessionId) return false
    // A budget may end in the midst of a call, a lost session before the beginning.
    return line.subtype.startsWith('error') || (this.#sessionId !== null && this.#open.size === 0)
  }

  #take(line: ClaudeResult): void {
    if (!this.#isPlausible(line)) return
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

function remarks(denied: string[], wordless: boolean): string[] | undefined {
  const said: string[] = []
  if (denied.length > 0) {
    const more = denied.length > DENIED_TOLD ? ` and ${denied.length - DENIED_TOLD} more` : ''
    said.push(`The permission mode denied ${denied.slice(0, DENIED_TOLD).join(' · ')}${more}.`)
  }
  if (wordless) said.push('The agent ended without a last word.')
  return said.length > 0 ? said : undefined
}

function none(): Tokens {
  return { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }
}

/** The CLI tells seconds; a later one may tell milliseconds. */
function milliseconds(time: number | null): number | null {
  return time === null ? null : time < 1e11 ? time * 1000 : time
}
