import { existsSync } from 'node:fs'
import type { WorkReport, WorkspaceRecord } from '../../core/run.ts'
import { branchTip } from '../../git/refs/base-commit.ts'
import { listRescued } from '../kept/rescue.ts'
import type { Place } from '../place.ts'
import { putAside, type Replaced } from '../seal.ts'
import { readWork } from '../work-report.ts'
import { dropTraces } from './traces.ts'

/*
 * The end of a run whose workspace or repository was exchanged: nothing of it is run, committed or deleted. `open` opens the repository;
 * it is not called where the repository itself is in doubt.
 */

type Open = () => Promise<Place | null>

/** Reports what is on the branch in the repository itself, if that is the one. */
export async function collectReplaced(open: Open, workspace: WorkspaceRecord, replaced: Replaced): Promise<WorkReport> {
  const { path, branch, base } = workspace
  const says = replaced.says.charAt(0).toUpperCase() + replaced.says.slice(1)
  const remarks = [`${says}, so nothing in ${path} was committed; all is there as it was left.`]
  const aside = putAside(workspace)
  if (aside) remarks.push(`The git folder that was found there is ${aside} now.`)
  const nothing: WorkReport = { branch, commits: [], files: [], diff: '', rescued: [], remarks, replaced }
  const place = replaced.what === 'repository' ? null : await open()
  if (!place) {
    if (branch !== null) remarks.push(`What is on the branch ${branch} was not looked at.`)
    return { ...nothing, branch: null }
  }
  const tip = branch === null ? null : await branchTip(place.git, `refs/heads/${branch}`)
  if (branch !== null && tip === null) remarks.push(`The branch ${branch} is gone.`)
  const { links: _, ...work } = await readWork(place.git, base, tip ? [tip] : [], place.options.diffBytes)
  return { ...nothing, ...work, branch: tip && branch, rescued: await refsOf(place), remarks: [...remarks, ...work.remarks] }
}

/** Releases the workspace, and leaves everything where it is. */
export async function leaveReplaced(open: Open, workspace: WorkspaceRecord, replaced: Replaced) {
  putAside(workspace)
  const kept = workspace.kind !== 'in-place' && existsSync(workspace.path) ? workspace.path : null
  const place = replaced.what === 'repository' ? null : await open()
  if (!place) return { kept, rescued: [] }
  const rescued = await refsOf(place)
  dropTraces(place, workspace)
  return { kept, rescued }
}

async function refsOf({ git, request }: Place): Promise<string[]> {
  return (await listRescued(git, request.runId)).map(one => one.ref)
}
