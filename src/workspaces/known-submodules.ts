import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Git } from '../git/git.ts'
import { gitFolderOf } from '../git/repository.ts'
import { plainText } from '../machine/files/plain-file.ts'
import { waitingIn } from '../machine/files/waiting-files.ts'
import { settingsIn } from './picture/shared-files.ts'
import { isBelow } from './picture/steering-files.ts'

/*
 * Git keeps the repositories of submodules in the checkout's git folder, and takes one that lies there as it is. An agent may have left one whose settings
 * run programs of its own as soon as git fetches or checks out: a filter, an ssh command, a helper for passwords, another address. So git works only in one
 * that says nothing but what git itself writes.
 */

/** What git writes into a submodule's settings. */
const PLAIN = [
  /^core\.(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|symlinks|precomposeunicode|worktree)$/,
  /^extensions\.(?:objectformat|refstorage|partialclone)$/,
  /^remote\..+\.(?:url|fetch|tagopt|promisor|partialclonefilter)$/,
  /^branch\..+\.(?:remote|merge|rebase)$/,
  /^submodule\.(?:active$|.+\.(?:url|active)$)/,
  /^user\.(?:name|email)$/,
]
const MOST_FOLDERS = 1_000

/** Why git must not work in what is there of a submodule, and of those in it; null when it may, or when nothing is there. */
export async function whyNotTrusted(git: Git, name: string): Promise<string | null> {
  const own = gitFolderOf(git.cwd)
  if (own === null) return null
  // A name may have slashes; each part of the way is to be a folder.
  let folder = own
  for (const part of ['modules', ...name.split('/')]) {
    folder = join(folder, part)
    const entry = lstatSync(folder, { throwIfNoEntry: false })
    if (!entry) return null
    if (!entry.isDirectory()) return `${folder} is no folder`
  }
  const folders = gitFoldersIn(folder)
  if (folders.length > MOST_FOLDERS) return `${folder} has too many repositories`
  for (const one of folders) {
    const why = await whyNot(git, one)
    if (why !== null) return why
  }
  return null
}

async function whyNot(git: Git, folder: string): Promise<string | null> {
  if (!lstatSync(folder).isDirectory()) return `${folder} is no folder`
  const waiting = waitingIn(folder)
  if (waiting !== null) return waiting
  if (existsSync(join(folder, 'commondir'))) return `${folder} leads to another git folder`
  const file = join(folder, 'config')
  const entry = lstatSync(file, { throwIfNoEntry: false })
  if (!entry?.isFile()) return entry ? `${file} is no file` : null
  const settings = await settingsIn(git, plainText(file) ?? '')
  if (settings === null) return `git cannot read ${file}`
  const odd = [...settings.keys()].filter(name => !PLAIN.some(plain => plain.test(name)))
  const outside = (settings.get('core.worktree') ?? []).some(path => path === null || !isBelow(resolve(folder, path), git.cwd))
  if (odd.length === 0 && !outside) return null
  return `${file} has settings that git did not write there (${[...odd, ...(outside ? ['core.worktree'] : [])].slice(0, 5).join(', ')})`
}

/** The git folder itself, and those of the submodules in it. */
function gitFoldersIn(folder: string): string[] {
  const found: string[] = []
  const queue = [folder]
  for (let one = queue.pop(); one !== undefined && found.length <= MOST_FOLDERS; one = queue.pop()) {
    const isGit = one === folder || existsSync(join(one, 'HEAD')) || existsSync(join(one, 'config'))
    if (isGit) found.push(one)
    const below = isGit ? join(one, 'modules') : one
    if (!existsSync(below)) continue
    // A link is taken for what it leads to, which is not of these.
    for (const entry of readdirSync(below, { withFileTypes: true }))
      if (entry.isDirectory() || entry.isSymbolicLink()) queue.push(join(below, entry.name))
  }
  return found
}
