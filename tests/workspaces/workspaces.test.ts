import { workspacesKeepTheirPromises } from '../contracts/workspaces.ts'
import { withoutWorktrees } from '../support/workspaces.ts'

workspacesKeepTheirPromises('in-place', { complexity: 'minor' })
workspacesKeepTheirPromises('worktree', { complexity: 'major' })
workspacesKeepTheirPromises('clone', { complexity: 'major' }, withoutWorktrees)
