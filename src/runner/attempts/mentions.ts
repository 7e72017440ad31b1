import type { RunRecord } from '../../core/run.ts'
import type { Mention } from '../../core/task.ts'
import type { RunnerContext } from '../context.ts'

/**
 * Reads the unread messages for the prompt and records them as shown. If the tracker cannot tell them now, only the messages are missing.
 */
export async function readMentions(record: RunRecord, context: RunnerContext): Promise<Mention[]> {
  try {
    const mentions = await context.tracker.mentions(context.identity, context.stops.leaving)
    record.mentions = mentions.map(mention => mention.id)
    return mentions
  } catch (error) {
    context.emit({ type: 'warning', message: `mentions could not be read: ${(error as Error).message}` }, record.runId)
    return []
  }
}

/**
 * Marks mentions read once the agent has started: mentions that no agent has seen stay unread. Best effort, since reading twice harms
 * nothing. Returns whether the journal has changed.
 */
export async function markMentionsRead(record: RunRecord, context: RunnerContext): Promise<boolean> {
  if (record.mentions.length === 0) return false
  try {
    await context.tracker.markRead(context.identity, record.mentions, context.stops.leaving)
    record.mentions = []
    return true
  } catch (error) {
    context.emit({ type: 'warning', message: `mentions could not be marked read: ${(error as Error).message}` }, record.runId)
    return false
  }
}
