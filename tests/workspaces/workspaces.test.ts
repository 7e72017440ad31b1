import { workspacesKeepTheirPromises } from '../contracts/workspaces.ts'

workspacesKeepTheirPromises('in-place', { complexity: 'minor' })
workspacesKeepTheirPromises('worktree', { complexity: 'major' })
