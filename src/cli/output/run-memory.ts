import type { StampedEvent } from '../../core/event.ts'
import type { WorkspaceRecord } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'

/** Facts from earlier events of a run that help to show later ones. Everything may be unknown: a runner can start in the middle. */
export interface RunMemory {
  task: Task | null
  model: string | null
  workspace: WorkspaceRecord | null
  attempts: number
  turns: number
  toolCalls: number
  /** Tools that this attempt has used, by their id, so that a failed result can name its tool. */
  tools: Map<string, string>
}

/** Keeps a memory per run that is going on, and forgets it after the run's end. */
export class RunMemories {
  private readonly runs = new Map<string, RunMemory>()

  /** The memory of the event's run with this event in it. */
  of(event: StampedEvent): RunMemory {
    const key = event.runId ?? ''
    const memory = this.runs.get(key) ?? newMemory()
    this.runs.set(key, memory)
    learn(memory, event)
    if (event.type === 'run_finished') this.runs.delete(key)
    return memory
  }
}

function newMemory(): RunMemory {
  return { task: null, model: null, workspace: null, attempts: 0, turns: 0, toolCalls: 0, tools: new Map() }
}

function learn(memory: RunMemory, event: StampedEvent): void {
  if (event.type === 'task_taken') {
    memory.task = event.task
    memory.model = event.model
  } else if (event.type === 'workspace_ready') memory.workspace = event.workspace
  else if (event.type === 'agent_ready') memory.model = event.model
  else if (event.type === 'attempt_started') memory.attempts = Math.max(memory.attempts, event.attempt)
  else if (event.type === 'tool_used') memory.tools.set(event.id, event.tool)
  else if (event.type === 'attempt_ended') {
    memory.turns += event.end.turns
    memory.toolCalls += event.end.toolCalls
    memory.tools.clear()
  }
}
