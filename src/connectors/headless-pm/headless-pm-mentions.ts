import type { AgentIdentity, Mention } from '../../core/task.ts'
import type { TrackerHttp } from '../../http/http-client.ts'
import { understood, type WireTask, wireDocument, wireMarked, wireMentions, wireTasks } from './headless-pm-wire.ts'

/**
 * Unread mentions, oldest first. The server tells only who, when and where; the text is looked up: the comment in the
 * task's notes, or the whole document.
 */
export async function unreadMentions(http: TrackerHttp, agent: AgentIdentity, signal: AbortSignal): Promise<Mention[]> {
  const query = { agent_id: agent.id, unread_only: 'true', limit: '50' }
  const rows = understood(wireMentions, (await http.call({ method: 'GET', path: '/mentions', query, signal })).body)
  if (rows.length === 0) return []
  const tasks = rows.some(row => row.task_id)
    ? understood(wireTasks, (await http.call({ method: 'GET', path: '/tasks', signal })).body)
    : []
  const comments = new Map<string, string[]>()
  const mentions: Mention[] = []
  // Newest first, as the server sends them: the newest mention belongs to the last comment that is left.
  for (const row of rows) {
    const mention = { id: row.id, from: row.created_by, taskId: row.task_id ?? null }
    const where = row.task_title ?? row.document_title ?? `task ${row.task_id}`
    const place = `${row.task_id} ${row.created_by}`
    const task = tasks.find(({ id }) => id === row.task_id)
    if (task && !comments.has(place)) comments.set(place, commentsOf(task, row.created_by, agent.id))
    const said = row.document_id ? await documentText(http, row.document_id, signal) : comments.get(place)?.pop()
    mentions.push({ ...mention, text: said ?? `mentioned you on "${where}"` })
  }
  return mentions.reverse()
}

/** Marks mentions read. One that is unknown, or is not ours, is passed over. */
export async function markMentionsRead(http: TrackerHttp, agent: AgentIdentity, ids: string[], signal: AbortSignal): Promise<void> {
  for (const id of ids) {
    const path = `/mentions/${encodeURIComponent(id)}/read`
    const { status, body } = await http.call({ method: 'PUT', path, query: { agent_id: agent.id }, accept: [403, 404, 422], signal })
    if (status < 300) understood(wireMarked, body)
  }
}

/** The comments in which this author names the agent, oldest first. Notes are paragraphs that begin with `author: `. */
function commentsOf(task: WireTask, author: string, agentId: string): string[] {
  const named = new RegExp(`@${RegExp.escape(agentId)}(?!\\w)`)
  const comments = (task.notes ?? '').split(/\n\n(?=[\w.-]+: )/)
  const start = `${author}: `
  return comments.filter(text => text.startsWith(start) && named.test(text)).map(text => text.slice(start.length))
}

async function documentText(http: TrackerHttp, id: string, signal: AbortSignal): Promise<string | undefined> {
  const reply = await http.call({ method: 'GET', path: `/documents/${encodeURIComponent(id)}`, accept: [404, 405], signal })
  return reply.status === 200 ? understood(wireDocument, reply.body).content : undefined
}
