import type { TaskSeen } from '../../src/cli/chaos/findings.ts'
import type { Complexity } from '../../src/core/task.ts'
import { HeadlessPmBoard } from './headless-pm-board.ts'

/** A board of Headless PM with an agent that adds tasks and the feature that they belong to. */
export function boardForTasks(): HeadlessPmBoard {
  const board = new HeadlessPmBoard({ pollMs: 50 })
  board.register({ agent_id: 'pm_1', role: 'pm', level: 'principal' })
  board.features.push({ id: 0, epic_id: 0, name: 'feature', description: '' })
  return board
}

/** Adds a task for a backend developer that can be taken at once; answers its id. */
export function addPmTask(board: HeadlessPmBoard, title: string, complexity: Complexity, description = 'All of it.'): string {
  const about = { target_role: 'backend_dev', difficulty: 'junior', complexity, branch: 'feature/crash', feature_id: 0 }
  const task = board.create({ title, description, ...about }, 'pm_1')
  task.status = 'created'
  return String(task.id)
}

/** A task by the server's own record. */
export function pmTaskSeen(board: HeadlessPmBoard, id: string): TaskSeen {
  const { status, locked_by, notes } = board.task(Number(id))
  const changes = board.changelog.filter(change => change.task_id === Number(id))
  // The first one is that it was made.
  const moves = changes.slice(1).map(change => change.new_status)
  return { status, holder: locked_by, notes: notes ?? '', moves }
}
