import { LIMITS } from '../core/limits.ts'
import { changeTotals, type WorkReport } from '../core/run.ts'
import type { Git } from '../git/git.ts'
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

/**
 * The commits between `base` (null: from the very first one) and any of `tips`, oldest first, and the difference between base and the
 * first tip. The diff is cut at `diffBytes` after a whole line.
 */
export async function readWork(git: Git, base: string | null, tips: string[], diffBytes: number): Promise<Omit<CollectedWork, 'branch'>> {
  const tip = tips[0]
  if (tip === undefined || tips.every(one => one === base)) return { commits: [], files: [], diff: '', remarks: [], links: [] }
  const remarks: string[] = []
  const log = [
    'log',
    '-z',
    `--max-count=${MOST_COMMITS + 1}`,
    '--topo-order',
    '--format=%H %s',
    ...tips,
    ...(base ? [`^${base}`] : []),
    '--',
  ]
  const commits = (await git.run(log))
    .split('\0')
    .filter(Boolean)
    .map(line => ({
      sha: line.slice(0, line.indexOf(' ')),
      subject: line.slice(line.indexOf(' ') + 1, line.indexOf(' ') + 1 + MOST_SUBJECT),
    }))
  if (commits.length > MOST_COMMITS) {
    commits.pop()
    remarks.push(`There are more than ${MOST_COMMITS} commits; the newest are listed.`)
  }
  const from = base ?? (await emptyTree(git))
  const { changes, lines } = rawAndLines(
    await git.names(['diff-tree', '-r', '-z', '--raw', '--numstat', '--no-renames', from, tip, '--'], SMALL_BLOBS),
  )
  const all = lines.map(changedFile)
  const files = all.slice(0, LIMITS.listedFiles.most)
  const more = all.length > files.length ? changeTotals({ files: all.slice(files.length) }) : undefined
  const links = changes.filter(change => change.now?.mode === '160000' && !change.before).map(change => change.path)
  const shown = ['-p', '--no-renames', '--no-ext-diff', '--no-textconv', '--no-color', '--src-prefix=a/', '--dst-prefix=b/']
  const { text, cut } = await git.head(['diff-tree', '-r', ...shown, from, tip, '--'], Math.max(1, diffBytes), SMALL_BLOBS)
  const diff = cut || Buffer.byteLength(text) > diffBytes ? wholeLines(text, diffBytes) : text
  if (diff !== text || cut)
    remarks.push(`The diff is cut at ${diffBytes} bytes; \`git diff ${from.slice(0, 12)} ${tip.slice(0, 12)}\` shows all.`)
  return { commits: commits.reverse(), files, ...(more && { more }), diff, remarks, links }
}

function wholeLines(text: string, bytes: number): string {
  const within = Buffer.from(text).subarray(0, bytes)
  return within.subarray(0, within.lastIndexOf(10) + 1).toString()
}
