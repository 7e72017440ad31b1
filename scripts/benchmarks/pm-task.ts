import type { HeadlessPmBoard } from '../../tests/support/headless-pm-board.ts'

/** Puts a task that a senior backend developer can take on the board of the stand-in PM. */
export function addPmTask(board: HeadlessPmBoard, complexity: 'minor' | 'major', description = 'Nothing to do.'): void {
  const id = board.nextId()
  const now = board.now()
  board.tasks.push({
    ...{ id, feature_id: 1, epic_id: 1, title: `Task ${id}`, description, created_by: 'bench', target_role: 'backend_dev' },
    ...{ difficulty: 'senior', complexity, branch: `feature/task-${id}`, status: 'created', locked_by: null, locked_at: null },
    ...{ notes: null, created_at: now, updated_at: now },
  })
}
