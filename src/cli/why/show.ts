import { loadConfig } from '../../config/load.ts'
import type { CommandIo } from '../command-io.ts'
import { wrapped } from '../output/layout.ts'
import { paintFor } from '../output/paint.ts'
import { openSink } from '../output/sink.ts'
import { whatYouCanDo } from './advice.ts'
import { gatherFacts } from './facts.ts'
import { whatHappened } from './happened.ts'
import { whatNext } from './next.ts'
import { whatIsTrue } from './now.ts'
import { standing } from './standing.ts'
import { chooseSubject } from './subject.ts'
import { type Answer, answerDocument, answerLines } from './view.ts'

/** `why`: gathers the facts and says what they mean. Throws USAGE for a word that means nothing here. */
export async function showWhy(flags: Record<string, unknown> & { json?: boolean }, io: CommandIo, what: string | null): Promise<void> {
  const config = await loadConfig({ flags, env: io.env, cwd: io.cwd })
  const sink = openSink(io.stdout, { complete: true })
  const subject = chooseSubject(config.values.home, what)
  if (!subject) {
    const text = 'Nothing ever ran here. Start an agent: agent-runner --role backend_dev --agent-id dev_001 --single-task'
    return sink.write(flags.json ? `${JSON.stringify({ version: 1, subject: null })}\n` : `${wrapped(text, sink.columns()).join('\n')}\n`)
  }
  const facts = await gatherFacts(subject, config, io.env)
  const answer: Answer = {
    facts,
    standing: standing(facts),
    happened: whatHappened(facts),
    now: whatIsTrue(facts),
    next: whatNext(facts),
    youCan: whatYouCanDo(facts),
  }
  if (flags.json) return sink.write(`${JSON.stringify(answerDocument(answer), null, 2)}\n`)
  sink.write(`${answerLines(answer, sink.columns(), await paintFor(io.stdout, io.env)).join('\n')}\n`)
}
