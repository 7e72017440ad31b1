/** Prepares the workspace of a run in the repository named by argv (and its id), as a runner of its own that a test can kill. */
import { request, workspacesOf } from './workspaces.ts'

await workspacesOf(process.argv[2]!, {}).workspaces.prepare(request({}, process.argv[3]))
