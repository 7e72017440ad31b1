import { LIMITS } from '../core/limits.ts'
import { changeTotals, type WorkReport } from '../core/run.ts'
import { bytesOf } from '../git/file-names.ts'
import type { Git } from '../git/git.ts'
import { noteAncestor } from '../git/refs/commits.ts'
import { changedFile } from '../git/trees/changes.ts'
import { emptyTree, rawAndLines } from '../git/trees/trees.ts'

/** What was done, with what its kind of workspace needs to know besides. */
export type CollectedWork = Omit<WorkReport, 'rescued'> & {
  /** Links to other repositories that the commits brought. */
  links: string[]
}

const MOST_COMMITS = 500
/** The longest subject of a commit, in characters: some people write the whole story into the first line. */
const MOST_SUBJECT = 300

/** Files larger than this are shown as binary: a diff is for people. */
const SMALL_BLOBS = { slow: true, config: ['core.bigFileThreshold=16m', 'core.quotePath=false'] }

/** Room for the lists before the diff, in bytes: some thousand files. With more git is asked twice. */
const LISTS_BYTES = 1024 * 1024

/**
 * The commits between `base` (null: from the very first one) and any of `tips`, oldest first, and the difference between base and the
 * first tip. The diff is cut at `diffBytes` after a whole line.
 */
export async function readWork(git: Git, base: string | null, tips: string[], diffBytes: number): Promise<Omit<CollectedWork, 'branch'>> {
  const tip = tips[0]
  if (tip === undefined || tips.every(one => one === base)) return { commits: [], files: [], diff: '', remarks: [], links: [] }
  const remarks: string[] = []
  const from = base ?? (await emptyTree(git))
  const [commits, { changes, lines, text, cut }] = await Promise.all([listCommits(git, base, tips), readDiff(git, from, tip, diffBytes)])
  if (commits.length > MOST_COMMITS) {
    commits.pop()
    remarks.push(`There are more than ${MOST_COMMITS} commits; the newest are listed.`)
  }
  const all = lines.map(changedFile)
  const files = all.slice(0, LIMITS.listedFiles.most)
  const more = all.length > files.length ? changeTotals({ files: all.slice(files.length) }) : undefined
  const links = changes.filter(change => change.now?.mode === '160000' && !change.before).map(change => change.path)
  const diff = cut || Buffer.byteLength(text) > diffBytes ? wholeLines(text, diffBytes) : text
  if (diff !== text || cut)
    remarks.push(`The diff is cut at ${diffBytes} bytes; \`git diff ${from.slice(0, 12)} ${tip.slice(0, 12)}\` shows all.`)
  return { commits: commits.reverse(), files, ...(more && { more }), diff, remarks, links }
}

/** The newest commits between `base` and the tips, newest first, and one more than are shown where there are more. */
async function listCommits(git: Git, base: string | null, tips: string[]): Promise<{ sha: string; subject: string }[]> {
  const most = `--max-count=${MOST_COMMITS + 1}`
  const between = [...tips, ...(base ? [`^${base}`] : []), '--']
  const lines = (await git.run(['log', '-z', most, '--topo-order', '--format=%H %P%n%s', ...between])).split('\0').filter(Boolean)
  const found = lines.map(line => {
    const [hashes = '', subject = ''] = line.split('\n')
    const [sha = '', ...parents] = hashes.split(' ')
    return { sha, parents, subject: subject.slice(0, MOST_SUBJECT) }
  })
  // With a single tip every commit of the list is in its history, and so is what one of them was made on.
  if (base && tips.length === 1 && found.some(({ parents }) => parents.includes(base))) noteAncestor(git, base, tips[0]!)
  return found.map(({ sha, subject }) => ({ sha, subject }))
}

interface Diff extends ReturnType<typeof rawAndLines> {
  text: string
  cut: boolean
}

/** The files in which two commits differ, and the beginning of their diff. */
async function readDiff(git: Git, from: string, tip: string, bytes: number): Promise<Diff> {
  const lists = ['--raw', '--numstat', '-z']
  const patch = ['-p', '--no-ext-diff', '--no-textconv', '--no-color', '--src-prefix=a/', '--dst-prefix=b/']
  const command = (...what: string[]) => ['diff-tree', '-r', '--no-renames', ...what, from, tip, '--']
  const most = Math.max(1, bytes)
  const both = await git.namesHead(command(...lists, ...patch), most + LISTS_BYTES, SMALL_BLOBS)
  // An empty piece stands before the diff.
  const end = both.text.indexOf('\0\0')
  const rest = end < 0 ? '' : shown(both.text.slice(end + 2))
  if (!both.cut || Buffer.byteLength(rest) > most) {
    const pieces = (end < 0 ? both.text : both.text.slice(0, end)).split('\0').filter(Boolean)
    return { ...rawAndLines(pieces), text: rest, cut: both.cut }
  }
  return { ...rawAndLines(await git.names(command(...lists), SMALL_BLOBS)), ...(await git.head(command(...patch), most, SMALL_BLOBS)) }
}

/** A text with names as `Git.names` gives them, for people. */
const shown = (text: string) => (text.isWellFormed() ? text : new TextDecoder().decode(bytesOf(text)))

function wholeLines(text: string, bytes: number): string {
  const within = Buffer.from(text).subarray(0, bytes)
  return within.subarray(0, within.lastIndexOf(10) + 1).toString()
}
