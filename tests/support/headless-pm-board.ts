import { setTimeout as delay } from 'node:timers/promises'
import { field, PmRefusal } from './headless-pm-refusal.ts'

const LEVELS = ['junior', 'senior', 'principal']
const ROLES = ['frontend_dev', 'backend_dev', 'qa', 'architect', 'pm']
const STATUSES = 'pending created under_work dev_done qa_done documentation_done committed evaluation approved'.split(' ')
const LOCKS_LAST_MS = 30 * 60_000

export interface PmAgent {
  id: number
  agent_id: string
  role: string
  level: string
  connection_type: string
  last_seen: number
}

export interface PmTask {
  id: number
  feature_id: number
  epic_id: number
  title: string
  description: string
  created_by: string
  target_role: string
  difficulty: string
  complexity: string
  branch: string
  status: string
  locked_by: string | null
  locked_at: number | null
  notes: string | null
  created_at: number
  updated_at: number
}

interface PmMention {
  id: number
  document_id: number | null
  task_id: number | null
  mentioned_agent_id: string
  created_by: string
  is_read: boolean
  created_at: number
}

interface PmChange {
  id: number
  task_id: number
  old_status: string
  new_status: string
  changed_by: string
  notes: string | null
  changed_at: number
}

export interface PmOptions {
  /** Older servers know no `pending`: new tasks are `created` at once. */
  pending: boolean
  /** Older servers call level and difficulty `skill_level`. */
  skillLevel: boolean
  /** Older servers answer a made-up task of type `waiting` at once when there is none. */
  waitingTask: boolean
  /** Milliseconds between the check and the write of an agent's lock. */
  lockRaceMs: number | ((agentId: string) => number)
  /** How often a waiting `next` looks; the real server: 5,000. */
  pollMs: number
}

/** What Headless PM keeps and the rules by which it changes, with every trap that a client can fall into. */
export class HeadlessPmBoard {
  agents: PmAgent[] = []
  epics: { id: number; name: string; description: string }[] = []
  features: { id: number; epic_id: number; name: string; description: string }[] = []
  tasks: PmTask[] = []
  mentions: PmMention[] = []
  changelog: PmChange[] = []
  documents: { id: number; author_id: string; title: string; content: string }[] = []
  lastId = 0
  readonly options: PmOptions
  /** Moves the server's clock against this machine's. */
  clockOffsetMs = 0

  constructor(options: Partial<PmOptions> = {}) {
    this.options = { pending: true, skillLevel: false, waitingTask: false, lockRaceMs: 0, pollMs: 5_000, ...options }
  }

  now = () => Date.now() + this.clockOffsetMs
  nextId = () => ++this.lastId
  statuses = () => (this.options.pending ? STATUSES : STATUSES.filter(status => status !== 'pending'))

  agent(agentId: string): PmAgent {
    const agent = this.agents.find(({ agent_id }) => agent_id === agentId)
    if (!agent) throw new PmRefusal(404, `Agent '${agentId}' not found. Register it with POST /api/v1/register first.`)
    return agent
  }

  task(id: number): PmTask {
    const task = this.tasks.find(task => task.id === id)
    if (!task) throw new PmRefusal(404, `Task with ID ${id} not found.`)
    return task
  }

  /** Registering again only refreshes `last_seen`. */
  register(body: Record<string, unknown>): PmAgent {
    const agentId = field('body', body, 'agent_id')
    const role = field('body', body, 'role', ROLES)
    const level = field('body', body, this.options.skillLevel ? 'skill_level' : 'level', LEVELS)
    const connection_type = body.connection_type === undefined ? 'client' : field('body', body, 'connection_type', ['mcp', 'client'])
    const known = this.agents.find(({ agent_id }) => agent_id === agentId)
    if (known) return Object.assign(known, { last_seen: this.now(), connection_type })
    const agent = { id: this.nextId(), agent_id: agentId, role, level, connection_type, last_seen: this.now() }
    this.agents.push(agent)
    return agent
  }

  removeAgent(agentId: string, requesterId: string) {
    if (this.agent(requesterId).role !== 'pm') throw new PmRefusal(403, 'Only pm agents can perform this operation')
    this.agent(agentId)
    this.agents = this.agents.filter(({ agent_id }) => agent_id !== agentId)
    for (const task of this.tasks) if (task.locked_by === agentId) Object.assign(task, { locked_by: null, locked_at: null })
  }

  create(body: Record<string, unknown>, agentId: string): PmTask {
    const title = field('body', body, 'title')
    const description = field('body', body, 'description')
    const target_role = field('body', body, 'target_role', ROLES)
    const difficulty = field('body', body, this.options.skillLevel ? 'skill_level' : 'difficulty', LEVELS)
    const complexity = body.complexity === undefined ? 'major' : field('body', body, 'complexity', ['minor', 'major'])
    const branch = field('body', body, 'branch')
    const creator = this.agent(agentId)
    const feature = this.features.find(({ id }) => id === body.feature_id)
    if (!feature) throw new PmRefusal(404, 'Feature not found')
    const now = this.now()
    const task: PmTask = {
      ...{ id: this.nextId(), feature_id: feature.id, epic_id: feature.epic_id, title, description, created_by: creator.agent_id },
      ...{ target_role, difficulty, complexity, branch, status: this.options.pending ? 'pending' : 'created' },
      ...{ locked_by: null, locked_at: null, notes: null, created_at: now, updated_at: now },
    }
    this.tasks.push(task)
    this.note(task, task.status, agentId, 'Task created')
    return task
  }

  private note(task: PmTask, old_status: string, changed_by: string, notes: string | null) {
    const change = { id: this.nextId(), task_id: task.id, old_status, new_status: task.status, changed_by, notes, changed_at: this.now() }
    this.changelog.push(change)
  }

  /** Trap: locks expire by the agent's `last_seen`, and the status stays `under_work`. */
  freeStaleLocks() {
    for (const task of this.tasks) {
      const holder = this.agents.find(({ agent_id }) => agent_id === task.locked_by)
      if (holder && holder.last_seen < this.now() - LOCKS_LAST_MS) Object.assign(task, { locked_by: null, locked_at: null })
    }
  }

  /** The next task for a role and level. Trap: it only looks. Trap: QA gets every `dev_done` task. */
  next(role: string, level: string): PmTask | null {
    this.freeStaleLocks()
    const open = this.tasks.filter(task => task.locked_by === null).sort((a, b) => a.created_at - b.created_at || a.id - b.id)
    if (role === 'qa') return open.find(task => task.status === 'dev_done') ?? null
    const fits = (task: PmTask) => task.target_role === role && LEVELS.indexOf(task.difficulty) <= LEVELS.indexOf(level)
    return open.find(task => ['created', 'approved'].includes(task.status) && fits(task)) ?? null
  }

  /** Waits as the real server does: by looking again and again until the time is over. */
  async waitForNext(role: string, level: string, seconds: number, signal: AbortSignal): Promise<PmTask | null> {
    const until = performance.now() + seconds * 1000
    for (;;) {
      const task = this.next(role, level)
      const left = until - performance.now()
      if (task || left <= 0) return task
      await delay(Math.min(this.options.pollMs, left), undefined, { signal })
    }
  }

  /** Trap: checks and then writes. Trap: our own lock is a 409 as well. */
  async lock(id: number, agentId: string): Promise<PmTask> {
    const task = this.task(id)
    if (task.locked_by !== null) throw new PmRefusal(409, `Task ${id} is already locked by another agent.`)
    this.agent(agentId)
    const { lockRaceMs } = this.options
    const raceMs = typeof lockRaceMs === 'number' ? lockRaceMs : lockRaceMs(agentId)
    if (raceMs > 0) await delay(raceMs)
    return Object.assign(task, { locked_by: agentId, locked_at: this.now() })
  }

  /** Trap: the notes are replaced. Trap: the lock opens only on a move out of `under_work`. */
  setStatus(id: number, body: Record<string, unknown>, agentId: string): PmTask {
    const status = field('body', body, 'status', this.statuses())
    const notes = body.notes === undefined || body.notes === null ? null : field('body', body, 'notes')
    const task = this.task(id)
    this.agent(agentId)
    const before = task.status
    Object.assign(task, { status, updated_at: this.now() })
    if (notes) task.notes = notes
    if (before === 'under_work' && status !== 'under_work') Object.assign(task, { locked_by: null, locked_at: null })
    this.note(task, before, agentId, notes)
    return task
  }

  /** Trap: a comment repeated appears twice. */
  comment(id: number, body: Record<string, unknown>, agentId: string) {
    const comment = field('body', body, 'comment')
    const task = this.task(id)
    task.notes = task.notes ? `${task.notes}\n\n${agentId}: ${comment}` : `${agentId}: ${comment}`
    this.mention(comment, agentId, { task_id: id })
  }

  mention(text: string, created_by: string, where: { task_id?: number; document_id?: number }) {
    const names = new Set(Array.from(text.matchAll(/@([a-zA-Z0-9_]+)/g), match => match[1]!))
    for (const name of names) {
      const place = { document_id: where.document_id ?? null, task_id: where.task_id ?? null }
      const mention = { id: this.nextId(), ...place, mentioned_agent_id: name, created_by, is_read: false, created_at: this.now() }
      this.mentions.push(mention)
    }
  }
}

/** Trap: times are UTC without a zone. */
export const pmTime = (ms: number) => new Date(ms).toISOString().replace('Z', '000')

/** A task as it goes over the wire. */
export function pmTaskOnWire(task: PmTask, options: PmOptions): Record<string, unknown> {
  const { difficulty, ...rest } = task
  return {
    ...rest,
    ...(options.skillLevel ? { skill_level: difficulty } : { difficulty }),
    locked_at: task.locked_at === null ? null : pmTime(task.locked_at),
    created_at: pmTime(task.created_at),
    updated_at: pmTime(task.updated_at),
    task_type: 'regular',
    poll_interval: null,
  }
}
