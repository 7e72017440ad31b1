import type { ChangedFile } from '../../core/run.ts'
import type { Git } from '../git.ts'

/** Options for a diff that can be applied: whole names, binary files too, and none of the user's own tools. */
export const PATCH = [
  '-p',
  '--binary',
  '--full-index',
  '--no-renames',
  '--no-ext-diff',
  '--no-textconv',
  '--no-color',
  '--src-prefix=a/',
  '--dst-prefix=b/',
]

/** The files in which two commits or trees differ, with lines added and removed. */
export async function changedFiles(git: Git, from: string, to: string): Promise<ChangedFile[]> {
  return (await git.names(['diff-tree', '-r', '-z', '--numstat', '--no-renames', from, to, '--'], { slow: true })).map(changedFile)
}

/** The difference between two commits or trees as `git apply` takes it; its first `bytes` when it is longer. */
export async function patchBetween(git: Git, from: string, to: string, bytes: number): Promise<{ text: string; cut: boolean }> {
  return await git.head(['diff-tree', '-r', ...PATCH, from, to, '--'], bytes, { slow: true })
}

/** A line of `--numstat -z`; git says `-` for the lines of a binary file. */
export function changedFile(line: string): ChangedFile {
  const [added, removed, ...path] = line.split('\t')
  const count = (text: string | undefined) => (text === undefined || text === '-' ? null : Number(text))
  return { path: path.join('\t').toWellFormed(), added: count(added), removed: count(removed) }
}
