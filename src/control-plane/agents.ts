import type { Kysely } from 'kysely'
import { AGENT_ID, type AgentIdentity, type Mention } from '../core/task.ts'
import type { Schema } from './schema.ts'

/** An agent as the board knows it. Times are ISO 8601 UTC. */
export interface BoardAgent extends AgentIdentity {
  registeredAt: string
  lastSeen: string
}

/** Makes the agent known with its role and level, or refreshes them and that it was seen. */
export async function touchAgent(db: Kysely<Schema>, { id, role, level }: AgentIdentity, at: string): Promise<void> {
  await db
    .insertInto('agents')
    .values({ id, role, level, registered_at: at, last_seen: at })
    .onConflict(conflict => conflict.column('id').doUpdateSet({ role, level, last_seen: at }))
    .execute()
}

/** Every agent that the board has seen, the latest first. */
export async function listAgents(db: Kysely<Schema>): Promise<BoardAgent[]> {
  const rows = await db.selectFrom('agents').selectAll().orderBy('last_seen', 'desc').orderBy('id').execute()
  return rows.map(({ id, role, level, registered_at, last_seen }) => ({
    id,
    role,
    level,
    registeredAt: registered_at,
    lastSeen: last_seen,
  }))
}

/** Keeps a mention for every `@agent-id` in a text; also for agents that are not known yet. */
export async function writeMentions(db: Kysely<Schema>, taskId: string, sender: string, text: string, at: string): Promise<void> {
  const mentions = mentioned(text).map(agent_id => ({ agent_id, task_id: taskId, sender, text, at, read_at: null }))
  if (mentions.length > 0) await db.insertInto('mentions').values(mentions).execute()
}

/** The agent ids that a text speaks to, each once. The dot that ends a sentence is not part of an id, and an e-mail address speaks to nobody. */
function mentioned(text: string): string[] {
  const words = [...text.matchAll(/(?<![\w.@-])@([A-Za-z0-9._-]+)/g)].map(match => match[1]!.replace(/[.-]+$/, ''))
  return [...new Set(words)].filter(word => AGENT_ID.test(word))
}

/** Unread mentions of an agent, oldest first. */
export async function readMentions(db: Kysely<Schema>, agentId: string): Promise<Mention[]> {
  const rows = await db
    .selectFrom('mentions')
    .select(['seq', 'sender', 'text', 'task_id'])
    .where('agent_id', '=', agentId)
    .where('read_at', 'is', null)
    .orderBy('seq')
    .execute()
  return rows.map(row => ({ id: String(row.seq), from: row.sender, text: row.text, taskId: row.task_id }))
}

/** Marks mentions of an agent read; unknown ones and those of others are passed over. */
export async function markMentionsRead(db: Kysely<Schema>, agentId: string, ids: string[], at: string): Promise<void> {
  const known = ids.filter(id => /^\d{1,15}$/.test(id)).map(Number)
  if (known.length === 0) return
  await db
    .updateTable('mentions')
    .set({ read_at: at })
    .where('agent_id', '=', agentId)
    .where('seq', 'in', known)
    .where('read_at', 'is', null)
    .execute()
}
