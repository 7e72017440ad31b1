import { existsSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import type { ChangedFile } from '../../core/run.ts'
import { realPath } from '../../git/checkout/worktree-list.ts'
import { type Git, openGit } from '../../git/git.ts'
import { branchTip } from '../../git/refs/base-commit.ts'
import { treeOf } from '../../git/refs/commits.ts'
import { findRepository } from '../../git/repository.ts'
import { changedFiles, patchBetween } from '../../git/trees/changes.ts'
import { treeChanges } from '../../git/trees/trees.ts'
import { fetchObjects } from '../clone/clone-return.ts'
import { branchFault, quoted } from '../names.ts'
import { type KeptRef, keptRefs } from './kept-refs.ts'
import { commitOfCheckout, type LeftWorktree, pathsBelow, pathsInState, readLeft } from './left-worktrees.ts'

/** One piece of kept work: a ref, or a worktree or clone that was left. */
export type KeptPiece = ({ kind: 'ref' } & KeptRef) | ({ kind: 'worktree' } & LeftWorktree)

/** What a piece holds beyond the branches. */
export interface KeptContent {
  base: string
  files: ChangedFile[]
  /** A patch that `git apply` takes; null when none was asked for. */
  patch: string | null
  remarks: string[]
}

/** The kept work of one repository, and of the places that are named besides. */
export interface KeptWork {
  /** Refs and left worktrees, the latest first. */
  list(): Promise<KeptPiece[]>
  /** The files of one piece. */
  files(piece: KeptPiece): Promise<ChangedFile[]>
  content(piece: KeptPiece, patch: boolean): Promise<KeptContent>
  /** The tree of a piece: equal for pieces that hold the same. Throws USAGE for a piece that git knows nothing of. */
  tree(piece: KeptPiece): Promise<string>
  /**
   * Makes a new branch with the piece's content as a commit. No checkout and no branch that is there is touched. Throws USAGE for a
   * branch that is there already or cannot be, and for a piece that git knows nothing of.
   */
  restore(piece: KeptPiece, branch: string): Promise<{ branch: string; sha: string; base: string; repo: string; remarks: string[] }>
}

export interface KeptWorkOptions {
  repo: string
  /** As configured; null for `.worktrees`. */
  worktreeBase: string | null
  author: { name: string; email: string } | null
  /** The program's own state folder: the worktrees and clones in it are looked at too. */
  stateFolder: string
  /** Places that runs have left, in whatever repository. */
  places: string[]
  /** Places of unfinished runs: nobody's to restore yet. */
  busy: string[]
}

const GIT_MS = 300_000
/** A patch is for people and for `git apply`; what is longer is better restored. */
const PATCH_BYTES = 64 * 1024 * 1024

/** Opens the kept work. Works outside of a repository too: then only the named places are looked at. */
export async function openKeptWork(options: KeptWorkOptions): Promise<KeptWork> {
  const start = openGit(resolve(options.repo), { timeoutMs: GIT_MS })
  const repository = await findRepository(start)
  const here: Git | null = repository && start.at(repository.root)

  async function list(): Promise<KeptPiece[]> {
    const busy = new Set(options.busy.map(realPath))
    const below =
      repository && here ? await pathsBelow(here, repository, realPath(resolve(repository.root, options.worktreeBase ?? '.worktrees'))) : []
    const paths = [...new Set([...below, ...pathsInState(options.stateFolder), ...options.places.filter(existsSync).map(realPath)])].filter(
      path => !busy.has(path),
    )
    const pieces: KeptPiece[] = repository ? (await keptRefs(repository.root)).map(ref => ({ kind: 'ref', ...ref })) : []
    for (const path of paths) {
      const left = await readLeft(path, GIT_MS)
      if (left) pieces.push({ kind: 'worktree', ...left })
    }
    return pieces.sort((a, b) => b.at - a.at)
  }

  /** The piece as a commit, in the repository that it belongs to. */
  async function commitOf(piece: KeptPiece) {
    if (piece.kind === 'ref') return { git: here!, sha: piece.sha, base: piece.base, incomplete: null }
    const commit = await commitOfCheckout(piece.path, `Left uncommitted in ${piece.path.split('/').at(-1)}`, options.author, GIT_MS)
    if (commit) return commit
    throw new RunnerError('USAGE', `${piece.path} is no git checkout, so git can tell nothing of it`, {
      advice: 'The files are there as they were left; copy them from there.',
    })
  }

  /** Where a piece's branch is made: for a clone the repository that it was made from, which then has the commit too. */
  async function home(piece: KeptPiece, { git, sha }: { git: Git; sha: string }): Promise<Git> {
    if (piece.kind === 'ref' || piece.cloneOf === null) return git
    if (!existsSync(piece.cloneOf)) throw new RunnerError('USAGE', `${piece.path} is a clone of ${piece.cloneOf}, which is gone`)
    const root = basename(piece.cloneOf) === '.git' ? dirname(piece.cloneOf) : piece.cloneOf
    const source = start.at(root)
    // git gives out only what a ref names.
    const ref = `refs/agent-runner-restore/${process.pid}`
    await git.run(['update-ref', ref, sha])
    try {
      await fetchObjects(source, piece.path, [[ref, sha]])
    } finally {
      await git.ask(['update-ref', '-d', ref])
    }
    return source
  }

  /** Links of a commit to repositories whose commits are not to be had here. */
  async function deadLinks(git: Git, base: string, sha: string): Promise<string[]> {
    const links = (await treeChanges(git, base, sha)).flatMap(({ path, now }) => (now?.mode === '160000' ? [path] : []))
    if (links.length === 0) return []
    const named = (await git.ask(['config', '--blob', `${sha}:.gitmodules`, '--get-regexp', '^submodule\\..*\\.path$'])) ?? ''
    const submodules = new Set(named.split('\n').map(line => line.slice(line.indexOf(' ') + 1)))
    const dead = links.filter(path => !submodules.has(path))
    return dead.map(path => `${path} is only a link to a repository of its own: what is in it is not in the branch.`)
  }

  return {
    list,
    async files(piece) {
      return piece.kind === 'ref'
        ? await changedFiles(here!, piece.base, piece.sha)
        : piece.uncommitted.map(path => ({ path, added: null, removed: null }))
    },
    async content(piece, patch) {
      const { git, sha, base, incomplete } = await commitOf(piece)
      const remarks = incomplete ? [`Not everything could be read: ${incomplete}.`] : []
      const files = await changedFiles(git, base, sha)
      if (!patch) return { base, files, patch: null, remarks }
      const { text, cut } = await patchBetween(git, base, sha, PATCH_BYTES)
      if (cut) throw new RunnerError('USAGE', 'the patch is longer than 64 MiB', { advice: 'Restore it to a branch instead.' })
      return { base, files, patch: text, remarks }
    },
    async tree(piece) {
      const { git, sha } = await commitOf(piece)
      return await treeOf(git, sha)
    },
    async restore(piece, branch) {
      const commit = await commitOf(piece)
      const { sha, base, incomplete } = commit
      const git = await home(piece, commit)
      const fault = await branchFault(git, branch)
      if (fault !== null) throw new RunnerError('USAGE', `there can be no branch named ${quoted(branch)}: ${fault}`)
      if (await branchTip(git, `refs/heads/${branch}`))
        throw new RunnerError('USAGE', `the branch ${branch} is there already; nothing was changed`, {
          advice: 'Name one that is not there.',
        })
      // The zeros mean: only if it does not exist yet.
      await git.run(['update-ref', '-m', 'agent-runner: rescue restore', `refs/heads/${branch}`, sha, '0'.repeat(sha.length)])
      const remarks = incomplete ? [`Not everything could be read, so it is not in the branch: ${incomplete}.`] : []
      remarks.push(...(await deadLinks(git, base, sha)))
      return { branch, sha, base, repo: git.cwd, remarks }
    },
  }
}
