import type { Config } from '../../config/config.ts'
import type { CommandIo } from '../command/command-io.ts'
import { configToLook } from '../command/configuration.ts'
import { sharedLimit } from '../compose/shared-limit.ts'
import { wrapped } from '../output/layout.ts'
import { paintFor } from '../output/paint.ts'
import { openSink } from '../output/sink.ts'
import { answerOf } from './answer.ts'
import { gatherFacts } from './facts.ts'
import { findQueued, queuedAnswer } from './queued.ts'
import { chooseSubject, type Subject } from './subject.ts'
import { type Answer, answerDocument, answerLines } from './view.ts'

/** `why`: gathers the facts and says what they mean. Throws USAGE for an unknown word. */
export async function showWhy(flags: Record<string, unknown> & { json?: boolean }, io: CommandIo, what: string | null): Promise<void> {
  const config = await configToLook(flags, io)
  const sink = openSink(io.stdout, { complete: true })
  const answer = await findAnswer(config, io.env, what)
  if (!answer) {
    const text = 'Nothing ever ran here. Start an agent: agent-runner --role backend_dev --agent-id dev_001 --single-task'
    return sink.write(flags.json ? `${JSON.stringify({ version: 1, subject: null })}\n` : `${wrapped(text, sink.columns()).join('\n')}\n`)
  }
  if (flags.json) return sink.write(`${JSON.stringify(answerDocument(answer), null, 2)}\n`)
  sink.write(`${answerLines(answer, Date.now(), sink.columns(), await paintFor(io.stdout, io.env)).join('\n')}\n`)
}

async function findAnswer(config: Config, env: NodeJS.ProcessEnv, what: string | null): Promise<Answer | null> {
  let subject: Subject | null
  try {
    subject = chooseSubject(config.values.home, what, sharedLimit(config.values.home, env))
  } catch (error) {
    // A task that nobody here has ever worked on may still wait on the board.
    const queued = what === null ? null : await findQueued(config, what)
    if (!queued) throw error
    return queuedAnswer(queued)
  }
  return subject && answerOf(await gatherFacts(subject, config, env))
}
