import type { EndReason } from '../../core/ends.ts'
import { end } from '../../core/ends.ts'
import type { Wish, WorkspaceKind } from '../../core/run.ts'
import type { AgentIdentity, Mention, Task } from '../../core/task.ts'

/** All that a prompt is made of. Texts of tasks and mentions are data: they stand in the prompt and nowhere else. */
export interface PromptParts {
  identity: AgentIdentity
  task: Task
  roleInstructions: string
  workspace: { kind: WorkspaceKind; path: string; branch: string | null; base: string | null; continued: boolean }
  mentions: Mention[]
  /** Directives of people who watch the run, oldest first. */
  directives?: Wish[]
  /** The part of the plan that is to be done now; null for the whole task. */
  part?: { goal: string; number: number; of: number } | null
  /** Whether a structured verdict is asked for. */
  verdict: boolean
}

/** The prompt of a run's first attempt. */
export function firstPrompt(parts: PromptParts): string {
  const { task, identity } = parts
  return join([
    parts.roleInstructions.trim(),
    `# Task ${task.id}: ${task.title}`,
    `You are the agent \`${identity.id}\` (${identity.role}, ${identity.level}).`,
    task.description.trim() || '(The task has no description beyond its title.)',
    task.criteria.length > 0 && `## Acceptance criteria\n\n${list(task.criteria)}`,
    task.notes.trim() && `## Notes on the task so far\n\n${task.notes.trim()}`,
    parts.mentions.length > 0 &&
      `## Messages to you\n\n${list(parts.mentions.map(mention => `${mention.from}: ${mention.text.trim().replaceAll('\n', '\n  ')}`))}`,
    partPart(parts),
    workspacePart(parts),
    directivePart(parts.directives ?? []),
    parts.verdict ? verdictPart : donePart(parts),
  ])
}

/** The prompt of a later attempt: short when the session is resumed, whole when it begins afresh. */
export function laterPrompt(parts: PromptParts, how: LaterAttempt): string {
  const happened = `Your earlier attempt was interrupted: ${end(how.after).says}.`
  const state = join([
    how.changed.trim() && `What differs now in the workspace:\n\n\`\`\`\n${how.changed.trim()}\n\`\`\``,
    'A command that was running when you were interrupted was ended; what it did until then stands. Look before you repeat anything.',
  ])
  const directives = directivePart(how.directives)
  if (how.session === 'resume')
    return join([happened, 'Go on with the task from where you were.', directives, state, parts.verdict ? verdictPart : donePart(parts)])
  return join([
    firstPrompt({ ...parts, directives: how.directives }),
    '## What happened before',
    happened,
    'Its work so far is in this workspace: read it first, keep what is good, and finish it.',
    how.lastText.trim() && `The last that was said before the interruption:\n\n> ${how.lastText.trim().replaceAll('\n', '\n> ')}`,
    state,
  ])
}

/** The prompt of a further part of the plan in the same session, which knows the task already. */
export function partPrompt(parts: PromptParts): string {
  return join([partPart(parts), directivePart(parts.directives ?? []), parts.verdict ? verdictPart : donePart(parts)])
}

/** How a later attempt begins. */
export interface LaterAttempt {
  session: 'resume' | 'afresh'
  after: EndReason
  lastText: string
  changed: string
  directives: Wish[]
}

function directivePart(directives: Wish[]): string {
  if (directives.length === 0) return ''
  return `## A new instruction for you\n\nIt comes from a person who watches your work, and goes before what was said earlier.\n\n${directives.map(wish => wish.text.trim()).join('\n\n')}`
}

function partPart({ part }: PromptParts): string {
  if (!part) return ''
  return `## Now: part ${part.number} of ${part.of}\n\nThe task is done in parts. Do this one, and nothing of the others:\n\n${part.goal.trim()}`
}

function workspacePart({ workspace }: PromptParts): string {
  const lines = [`You work in \`${workspace.path}\`. Do not change anything outside of it.`]
  if (workspace.kind !== 'in-place')
    lines.push(
      `It is a git ${workspace.kind} of its own on the branch \`${workspace.branch}\`${workspace.base ? ` (from ${workspace.base.slice(0, 12)})` : ''}.`,
    )
  else if (workspace.branch) lines.push(`It is the repository itself, on the branch \`${workspace.branch}\`.`)
  if (workspace.continued) lines.push('The branch holds earlier work on this task: go on from there.')
  lines.push('Stay on this branch. Do not push, and do not change the git configuration.')
  return `## Workspace\n\n${lines.join('\n')}`
}

function donePart({ workspace }: PromptParts): string {
  const commit = workspace.branch
    ? 'Commit your work on the branch in sensible steps; what you leave uncommitted is committed for you.\n'
    : ''
  return `## How to finish\n\n${commit}Run the tests that concern your change. End with a short summary for the people who will read it on the task: what you did, how you checked it, and what is left open.`
}

const verdictPart = `## How to finish

Check the work against the task and its acceptance criteria: read the change, run the tests, try it. Do not repair it yourself.
Give your verdict in the structured form that is asked for: \`pass\` when everything holds, \`send_back\` with one finding for each thing that does not,
\`blocked\` when it cannot be judged. The summary is read by people on the task.`

const join = (parts: (string | false)[]) => `${parts.filter(part => part !== false && part !== '').join('\n\n')}\n`
const list = (items: string[]) => items.map(item => `- ${item}`).join('\n')
