import { type HeadlessPmBoard, type PmTask, pmTaskOnWire, pmTime } from './headless-pm-board.ts'
import { field, PmRefusal } from './headless-pm-refusal.ts'
import type { SeenRequest } from './headless-pm-server.ts'

export interface Answer {
  status: number
  body: unknown
  headers?: Record<string, string>
}

interface Call {
  board: HeadlessPmBoard
  query: Record<string, string>
  body: Record<string, unknown>
  /** The number in the path. */
  id: number
  /** The text in the path. */
  name: string
  signal: AbortSignal
}

type Route = [method: string, path: RegExp, run: (call: Call) => unknown]

const wire = (board: HeadlessPmBoard, task: PmTask | null) => task && pmTaskOnWire(task, board.options)
const agentIn = (call: Call) => field('query', call.query, 'agent_id')
const newestFirst = <T extends { id: number }>(rows: T[]) => rows.toSorted((a, b) => b.id - a.id)

function numberIn({ body }: Call, name: string): number {
  if (typeof body[name] !== 'number')
    throw new PmRefusal(422, [{ type: 'missing', loc: ['body', name], msg: 'Field required', input: body }])
  return body[name]
}

function listed({ board, query }: Call) {
  if (query.status !== undefined) field('query', query, 'status', board.statuses())
  const fits = (task: PmTask) => (query.status ?? task.status) === task.status && (query.role ?? task.target_role) === task.target_role
  return newestFirst(board.tasks.filter(fits)).map(task => wire(board, task))
}

async function next({ board, query, signal }: Call) {
  const levelName = board.options.skillLevel ? 'skill_level' : 'level'
  for (const name of ['role', levelName]) if (!query[name]) throw new PmRefusal(400, `Missing required parameter '${name}'.`)
  const [role, level] = [field('query', query, 'role', [...ROLES_AT_THE_DOOR]), query[levelName]!]
  if (!['junior', 'senior', 'principal'].includes(level)) field('query', { level }, 'level', ['junior', 'senior', 'principal'])
  const seconds = query.simulate === 'true' ? 0 : Number(query.timeout ?? 180)
  if (board.options.waitingTask) return wire(board, board.next(role, level)) ?? madeUpTask(role, level)
  return wire(board, await board.waitForNext(role, level, seconds, signal))
}

const ROLES_AT_THE_DOOR = ['frontend_dev', 'backend_dev', 'qa', 'architect', 'pm'] as const

function madeUpTask(role: string, difficulty: string) {
  const text = { title: 'Waiting for new tasks', description: 'None right now.', created_by: 'system', branch: 'main', notes: null }
  const times = { created_at: pmTime(0), updated_at: pmTime(0), locked_by: null, locked_at: null }
  const kind = { task_type: 'waiting', poll_interval: 300, status: 'created', complexity: 'minor' }
  return { id: -1, feature_id: -1, epic_id: -1, target_role: role, difficulty, ...text, ...times, ...kind }
}

function registered({ board, body }: Call) {
  const { last_seen, level, ...agent } = board.register(body)
  const unread = newestFirst(board.mentions.filter(row => row.mentioned_agent_id === agent.agent_id && !row.is_read)).slice(0, 10)
  return {
    agent: { ...agent, [board.options.skillLevel ? 'skill_level' : 'level']: level, last_seen: pmTime(last_seen) },
    next_task: wire(board, board.next(agent.role, level)),
    mentions: unread.map(row => mentionOnWire(board, row)),
  }
}

function updated(call: Call) {
  const task = call.board.setStatus(call.id, call.body, agentIn(call))
  const agent = call.board.agent(agentIn(call))
  const following = call.board.next(agent.role, agent.level)
  return {
    task: wire(call.board, task),
    next_task: wire(call.board, following),
    workflow_status: following ? 'continue' : 'no_tasks',
    task_completed: task.id,
    auto_continue: following !== null,
    continuation_prompt: following ? 'Continue with the next task without waiting for confirmation' : 'No more tasks available',
    session_momentum: following ? 'high' : 'low',
  }
}

function mentionOnWire(board: HeadlessPmBoard, row: HeadlessPmBoard['mentions'][number]) {
  const task_title = board.tasks.find(({ id }) => id === row.task_id)?.title ?? null
  const document_title = board.documents.find(({ id }) => id === row.document_id)?.title ?? null
  return { ...row, created_at: pmTime(row.created_at), document_title, task_title }
}

function mentions({ board, query }: Call) {
  const fits = (row: HeadlessPmBoard['mentions'][number]) =>
    (query.agent_id ?? row.mentioned_agent_id) === row.mentioned_agent_id && !(query.unread_only === 'true' && row.is_read)
  return newestFirst(board.mentions.filter(fits))
    .slice(0, Number(query.limit ?? 50))
    .map(row => mentionOnWire(board, row))
}

function read(call: Call) {
  const row = call.board.mentions.find(({ id }) => id === call.id)
  if (!row) throw new PmRefusal(404, 'Mention not found')
  if (row.mentioned_agent_id !== agentIn(call)) throw new PmRefusal(403, 'Cannot mark mentions for other agents as read')
  row.is_read = true
  return mentionOnWire(call.board, row)
}

function epic(call: Call) {
  leads(call)
  const row = { id: call.board.nextId(), name: field('body', call.body, 'name'), description: field('body', call.body, 'description') }
  call.board.epics.push(row)
  return row
}

function feature(call: Call) {
  leads(call)
  const epic_id = numberIn(call, 'epic_id')
  if (!call.board.epics.some(({ id }) => id === epic_id)) throw new PmRefusal(404, 'Epic not found')
  const text = { name: field('body', call.body, 'name'), description: field('body', call.body, 'description') }
  const row = { id: call.board.nextId(), epic_id, ...text }
  call.board.features.push(row)
  return row
}

function leads(call: Call) {
  const { role } = call.board.agent(agentIn(call))
  if (!['pm', 'architect'].includes(role)) throw new PmRefusal(403, 'Only pm, architect agents can perform this operation')
}

function writeDocument(call: Call) {
  const author_id = field('query', call.query, 'author_id')
  const text = { title: field('body', call.body, 'title'), content: field('body', call.body, 'content') }
  const row = { id: call.board.nextId(), author_id, ...text }
  call.board.documents.push(row)
  call.board.mention(row.content, author_id, { document_id: row.id })
  return row
}

function documentById({ board, id }: Call) {
  const row = board.documents.find(row => row.id === id)
  if (!row) throw new PmRefusal(404, 'Document not found')
  return row
}

function removeTask(call: Call) {
  if (call.board.agent(agentIn(call)).role !== 'pm') throw new PmRefusal(403, 'Only pm agents can perform this operation')
  call.board.tasks = call.board.tasks.filter(task => task !== call.board.task(call.id))
  return { message: `Task ${call.id} deleted successfully` }
}

const ROUTES: Route[] = [
  ['POST', /^\/register$/, registered],
  ['GET', /^\/agents$/, ({ board }) => board.agents.map(agent => ({ ...agent, last_seen: pmTime(agent.last_seen) }))],
  [
    'DELETE',
    /^\/agents\/(?<name>[^/]+)$/,
    call => call.board.removeAgent(call.name, field('query', call.query, 'requester_agent_id')) ?? {},
  ],
  ['POST', /^\/epics$/, epic],
  ['POST', /^\/features$/, feature],
  ['POST', /^\/tasks\/create$/, call => wire(call.board, call.board.create(call.body, agentIn(call)))],
  ['GET', /^\/tasks$/, listed],
  ['GET', /^\/tasks\/next$/, next],
  ['POST', /^\/tasks\/(?<id>[^/]+)\/lock$/, async call => wire(call.board, await call.board.lock(call.id, agentIn(call)))],
  ['PUT', /^\/tasks\/(?<id>[^/]+)\/status$/, updated],
  [
    'POST',
    /^\/tasks\/(?<id>[^/]+)\/comment$/,
    call => {
      call.board.comment(call.id, call.body, agentIn(call))
      return { message: 'Comment added successfully' }
    },
  ],
  ['DELETE', /^\/tasks\/(?<id>[^/]+)$/, removeTask],
  [
    'GET',
    /^\/changelog$/,
    ({ board, query }) =>
      newestFirst(board.changelog)
        .slice(0, Number(query.limit ?? 50))
        .map(row => ({ ...row, changed_at: pmTime(row.changed_at) })),
  ],
  ['GET', /^\/mentions$/, mentions],
  ['PUT', /^\/mentions\/(?<id>[^/]+)\/read$/, read],
  ['POST', /^\/documents$/, writeDocument],
  ['GET', /^\/documents\/(?<id>[^/]+)$/, documentById],
]

function numberInPath(text: string | undefined): number {
  if (text === undefined || /^-?\d+$/.test(text)) return Number(text ?? 0)
  const msg = 'Input should be a valid integer, unable to parse string as an integer'
  throw new PmRefusal(422, [{ type: 'int_parsing', loc: ['path', 'task_id'], msg, input: text }])
}

/** What the server says to a request: `/health` without a key, everything else only with it. */
export async function headlessPmAnswer(board: HeadlessPmBoard, key: string, request: SeenRequest, signal: AbortSignal): Promise<Answer> {
  if (request.path === '/health') return { status: 200, body: { status: 'healthy', service: 'headless-pm-api', database: 'healthy' } }
  const path = request.path.startsWith('/api/v1/') ? request.path.slice('/api/v1'.length) : null
  const routes = ROUTES.filter(([, pattern]) => path !== null && pattern.test(path))
  if (path === null || routes.length === 0) return { status: 404, body: { detail: 'Not Found' } }
  const route = routes.find(([method]) => method === request.method)
  // As the real server: there is no GET of one task, although its path exists for DELETE.
  if (!route) return { status: 405, body: { detail: 'Method Not Allowed' } }
  if (request.headers['x-api-key'] !== key) return { status: 401, body: { detail: 'Invalid API key' } }
  try {
    const groups = route[1].exec(path)?.groups
    const body = (request.body ?? {}) as Record<string, unknown>
    const call = { board, query: request.query, body, id: numberInPath(groups?.id), name: groups?.name ?? '', signal }
    return { status: 200, body: (await route[2](call)) ?? null }
  } catch (thrown) {
    if (thrown instanceof PmRefusal) return { status: thrown.status, body: { detail: thrown.detail } }
    throw thrown
  }
}
