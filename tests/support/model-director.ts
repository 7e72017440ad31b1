import { blocksOf, type ModelRequest } from './model-request.ts'
import { type Answer, fittingKey, isAnswer, type ModelScript, parseScript, parseTurn, type Turn, toolCalls } from './model-script.ts'

/** Chooses the turn of each request from a script. */
export class Director {
  readonly #script: Record<string, Turn[]>
  /** How often each turn was sent to each session. */
  readonly #sent = new Map<string, number>()

  constructor(script: ModelScript) {
    this.#script = parseScript(script)
  }

  next(request: ModelRequest): { turn: Turn; id: string } {
    request.key = fittingKey(Object.keys(this.#script), request.prompt)
    const turns = request.key === null ? [] : this.#script[request.key]!
    const held = lastHeld(request, turns)
    for (const [at, turn] of turns.entries()) {
      if (at <= held) continue
      const counter = `${request.sessionId} ${request.key} ${at}`
      const sent = this.#sent.get(counter) ?? 0
      if (isAnswer(turn) ? turn.once && sent > 0 : turn.times !== 'always' && sent >= turn.times) continue
      this.#sent.set(counter, sent + 1)
      return { turn, id: `t${at}` }
    }
    return { turn: parseTurn('Done.'), id: 'end' }
  }
}

/** The last turn whose answer the history holds, known by the ids of its tool calls or by its text; -1 for none. */
function lastHeld(request: ModelRequest, turns: Turn[]): number {
  let last = -1
  for (const message of request.body.messages) {
    if (message.role !== 'assistant') continue
    for (const block of blocksOf(message.content)) {
      const id = /^toolu_t(\d+)_/.exec(String(block.id ?? ''))
      if (id) last = Math.max(last, Number(id[1]))
      const said = turns.findIndex((turn, at) => at > last && isAnswer(turn) && turn.text !== undefined && turn.text === block.text)
      if (said >= 0 && isAnswer(turns[said]!) && toolCalls(turns[said] as Answer, '').length === 0) last = said
    }
  }
  return last
}
