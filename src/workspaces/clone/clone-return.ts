import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkspaceRecord } from '../../core/run.ts'
import { somePaths } from '../../core/text/some-paths.ts'
import { listWorktrees } from '../../git/checkout/worktree-list.ts'
import type { Git } from '../../git/git.ts'
import { isAncestor } from '../../git/refs/commits.ts'
import { readRefs } from '../../git/refs/ref-picture.ts'
import { refTips } from '../../git/refs/refs.ts'
import { plainText } from '../../machine/files/plain-file.ts'
import { isHeld, keepCommit, safeRun } from '../kept/rescue.ts'
import { keepStashed } from '../kept/stashed-work.ts'
import { quoted } from '../names.ts'
import type { Place } from '../place.ts'

/*
 * This brings the work of a clone into the user's repository. The refs of both sides were once the same; what the clone has changed since
 * comes from the agent. A new ref gets the name that it has in the clone. An existing ref is moved only where nobody else has moved it;
 * otherwise the commits are kept under refs/agent-runner/.
 */

/** The refs as both sides last knew them. */
const KNOWN = 'agent-runner-known-refs'

/** How many entries of the stash are handled at once. */
const SOME = 20

type Refs = Map<string, string>

/** Notes refs of a clone (all that it has) as those that the repository has too. */
export async function noteKnown(at: Git, gitDir: string, seen?: Refs): Promise<void> {
  const refs = seen ?? (await allRefs(at))
  const file = join(gitDir, KNOWN)
  writeFileSync(`${file}.new`, [...refs].map(([ref, sha]) => `${sha} ${ref}\n`).join(''))
  renameSync(`${file}.new`, file)
}

/**
 * Brings everything that the agent has committed in a clone into the repository, and proves that it is whole there. Returns what a person
 * should know. Throws GIT_FAILED when that cannot be done; then everything is still in the clone. Repeating it changes nothing.
 */
export async function bringBack(place: Place, at: Git, gitDir: string, workspace: WorkspaceRecord): Promise<string[]> {
  const { git } = place
  const remarks = await tellStash(place, at, gitDir)
  const known = readKnown(gitDir)
  const seen = await allRefs(at)
  const changed = [...seen].filter(([ref, sha]) => known.get(ref) !== sha && ref !== 'refs/stash')
  const work = workspace.branch === null ? null : `refs/heads/${workspace.branch}`
  const there = await refTips(git, changed.map(([ref]) => ref).concat(work ?? []))
  const lost = work !== null && workspace.base !== null && !there.has(work)
  if (lost && !changed.some(([ref]) => ref === work)) {
    await git.run(['update-ref', work, (await at.run(['rev-parse', work])).trim()])
    remarks.push(deleted(work))
  }
  if (changed.length === 0) return remarks
  await fetchObjects(git, at.cwd, changed)
  const worktrees = await listWorktrees(git, place.repository)
  const isCheckedOut = (ref: string) => worktrees.some(one => `refs/heads/${one.branch}` === ref)
  for (const [ref, sha] of changed) {
    const mine = there.get(ref)?.sha ?? null
    const before = known.get(ref) ?? null
    if (mine === sha) continue
    if (isOwn(ref, place.request.runId)) await keepCommit(git, place.request.runId, sha)
    else if (mine === null && (before === null || ref === work)) {
      await git.run(['update-ref', '-m', 'agent-runner: from the clone', ref, sha, '0'.repeat(sha.length)])
      if (ref === work && before !== null) remarks.push(deleted(ref))
    } else if (ref === work && !isCheckedOut(ref) && (mine === before || (mine !== null && (await isAncestor(git, mine, sha)))))
      await git.run(['update-ref', '-m', 'agent-runner: from the clone', ref, sha, mine ?? ''])
    else if (!(await isHeld(git, sha))) {
      const kept = await keepCommit(git, place.request.runId, sha)
      remarks.push(
        `${shown(ref)} was left as it is in the repository${isCheckedOut(ref) ? ', where it is checked out' : ''}; what the agent has committed there was kept in ${kept}.`,
      )
    }
  }
  // Compare with what was read above: later commits have not been brought back.
  await noteKnown(at, gitDir, seen)
  return remarks
}

/** Whether the repository has everything that the clone has. A clone is removed only then. */
export async function isBroughtBack(place: Place, at: Git, gitDir: string): Promise<boolean> {
  const known = readKnown(gitDir)
  for (const [ref, sha] of await allRefs(at)) {
    if (known.get(ref) === sha || ref === 'refs/stash') continue
    if (!(await isHeld(place.git, sha).catch(() => false))) return false
  }
  return true
}

/** Copies objects, and reads all of them that the repository did not have: a ref on half a history would be worse than none. */
export async function fetchObjects(git: Git, clone: string, refs: [string, string][]): Promise<void> {
  const config = ['protocol.file.allow=always', 'protocol.version=0']
  const names = refs.map(([ref]) => `${ref}\n`).join('')
  await git.run(['fetch-pack', '--quiet', '--stdin', join(clone, '.git')], { input: names, slow: true, config })
  const shas = refs.map(([, sha]) => `${sha}\n`).join('')
  await git.run(['rev-list', '--objects', '--quiet', '--stdin', '--not', '--branches', '--tags', '--remotes'], { input: shas, slow: true })
}

/** The clone as a repository of its own: what is kept there is brought back with the rest. */
export function insideOf(place: Place, at: Git, gitDir: string): Place {
  return { ...place, git: at, repository: { ...place.repository, root: at.cwd, gitDir, commonDir: gitDir, bare: false } }
}

/** A stash is a list that only its log holds, and that goes with the clone. */
async function tellStash(place: Place, at: Git, gitDir: string): Promise<string[]> {
  const inClone = insideOf(place, at, gitDir)
  const { stash } = await readRefs(at, inClone.repository)
  const kept: string[] = []
  for (let from = 0; from < stash.length; from += SOME) kept.push(...(await keepStashed(inClone, stash.slice(from, from + SOME))))
  return kept.length > 0 ? [`Work was left in \`git stash\` and is on no branch; it is kept in ${somePaths(kept)}.`] : []
}

/** Whether no ref of a clone is other than the repository knows it. */
export async function isUnchanged(at: Git, gitDir: string): Promise<boolean> {
  const known = readKnown(gitDir)
  return [...(await allRefs(at))].every(([ref, sha]) => known.get(ref) === sha)
}

async function allRefs(git: Git): Promise<Refs> {
  const lines = (await git.run(['for-each-ref', '--format=%(objectname) %(refname)'], { slow: true })).split('\n').filter(Boolean)
  return new Map(lines.map(line => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]))
}

function readKnown(gitDir: string): Refs {
  const file = join(gitDir, KNOWN)
  const lines = (plainText(file) ?? '').split('\n').filter(Boolean)
  return new Map(lines.map(line => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]))
}

const isOwn = (ref: string, runId: string) => ref.startsWith(`refs/agent-runner/${safeRun(runId)}/`)
const shown = (ref: string) =>
  `The ${ref.startsWith('refs/tags/') ? 'tag' : 'branch'} ${quoted(ref.replace(/^refs\/(heads|tags)\//, '')).slice(1, -1)}`
const deleted = (ref: string) => `${shown(ref)} had been deleted while it was worked on; it is back.`
