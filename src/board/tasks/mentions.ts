import type { Kysely } from 'kysely'
import { LIMITS } from '../../core/limits.ts'
import { AGENT_ID, type Mention } from '../../core/task.ts'
import { fitting, weightOf } from '../store/paging.ts'
import type { Schema, TaskRow } from '../store/schema.ts'
import { bytesOf } from '../store/stored-bytes.ts'
import type { Tx } from '../store/transaction.ts'

/** Keeps a mention for every `@agent-id` in a text, as far as the limit `mentions` goes; also for agents that are not known yet. */
export async function writeMentions(tx: Tx, task: Pick<TaskRow, 'id' | 'customer'>, sender: string, text: string): Promise<void> {
  const mentions = mentioned(text).map(agent_id => ({ agent_id, task_id: task.id, sender, text, at: tx.at, read_at: null }))
  if (mentions.length === 0) return
  await tx.db.insertInto('mentions').values(mentions).execute()
  tx.stored(task.customer, mentions.length * bytesOf(text))
}

/** The agent ids that a text speaks to, each once. The dot that ends a sentence is not part of an id, and an e-mail address speaks to nobody. */
function mentioned(text: string): string[] {
  // Bounded, because the end of a long row of dots is searched at each dot.
  const found = text.matchAll(/(?<![\w.@-])@([A-Za-z0-9._-]{1,200})(?![A-Za-z0-9._-])/g)
  const words = [...found].map(match => match[1]!.replace(/[.-]+$/, ''))
  return [...new Set(words)].filter(word => AGENT_ID.test(word)).slice(0, LIMITS.mentions.most)
}

/** Unread mentions of an agent on the tasks of its customer, oldest first, as many as a page holds: the rest when these are read. Null for all customers. */
export async function readMentions(db: Kysely<Schema>, customer: string | null, agentId: string): Promise<Mention[]> {
  const query = unread(db, customer, agentId).orderBy('seq').limit(LIMITS.pageEntries.most)
  const weighed = await query.select(['seq', weightOf(['text']).as('weight')]).execute()
  const { from, count } = fitting(weighed, LIMITS.pageEntries.most)
  if (from === null) return []
  const rows = await query.select(['seq', 'sender', 'text', 'task_id']).where('seq', '<=', from).limit(count).execute()
  return rows.map(row => ({ id: String(row.seq), from: row.sender, text: row.text, taskId: row.task_id }))
}

/** Marks mentions of an agent read; unknown ones and those of others are passed over. */
export async function markMentionsRead(tx: Tx, customer: string | null, agentId: string, ids: string[]): Promise<void> {
  const known = ids.filter(id => /^\d{1,15}$/.test(id)).map(Number)
  if (known.length === 0) return
  const mine = unread(tx.db, customer, agentId).select('seq').where('seq', 'in', known)
  await tx.db.updateTable('mentions').set({ read_at: tx.at }).where('seq', 'in', mine).execute()
}

function unread(db: Kysely<Schema>, customer: string | null, agentId: string) {
  const theirs = db.selectFrom('mentions').where('agent_id', '=', agentId).where('read_at', 'is', null)
  if (customer === null) return theirs
  return theirs.where('task_id', 'in', db.selectFrom('tasks').select('id').where('customer', '=', customer))
}
