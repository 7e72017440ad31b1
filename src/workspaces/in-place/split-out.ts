import { shellWord } from '../../core/text/shell-word.ts'
import { somePaths } from '../../core/text/some-paths.ts'
import type { Git } from '../../git/git.ts'
import { clearRefLock } from '../../git/git-at-work.ts'
import { branchTip } from '../../git/refs/base-commit.ts'
import { keepCommit } from '../kept/rescue.ts'
import { noteInPicture } from '../picture/picture.ts'
import type { Place } from '../place.ts'
import { type Beside, type Made, madeSince, stoodAt, usersIn } from './made-here.ts'
import { rewrite } from './rewrite.ts'

/** How many commits are written anew at most. */
const MOST = 200

/** A ref that has commits which are to be made again. */
interface Holder {
  ref: string
  sha: string
  /** Whether it may be pointed to the new ones: a branch or a plain tag that nobody else works on. */
  ours: boolean
}

/**
 * Takes the user's uncommitted changes out of the commits that were made in the same checkout, on any branch: `git add -A` of an agent or
 * a hook commits them too. The commits are written anew without them. Commits that held nothing else go, and so does an amended commit
 * that then equals the old one; no file is touched. The old commits are kept under `refs/agent-runner/`. Where somebody else has the
 * commits already, it only says so. Returns remarks.
 */
export async function splitOutUsers(place: Place, beside: Beside): Promise<string[]> {
  const { git } = beside
  const { repository, request } = place
  const touched = await usersIn(beside, await madeSince(beside, await stoodAt(git)))
  if (touched.size === 0) return []
  const holders = await holdersOf(beside, [...touched.keys()].slice(-MOST))
  if (holders.length === 0) return []
  const commits = await madeSince(
    beside,
    holders.map(({ sha }) => sha),
  )
  const found = await usersIn(beside, commits)
  const staying = [...new Set([...found.values()].flat().flatMap(({ path, stays }) => (stays ? [path] : [])))]
  const stay =
    staying.length > 0
      ? [`Commits made during the run hold what you had done to ${somePaths(staying)}, and keep it: something else is in its place there.`]
      : []
  const out = new Map([...found].map(([sha, changes]) => [sha, changes.filter(({ stays }) => !stays)] as const))
  if ([...out.values()].flat().length === 0) return stay
  const paths = somePaths([...new Set([...out.values()].flat().map(({ path }) => path))])
  const others = holders.filter(({ ours }) => !ours).map(({ ref }) => ref)
  const obstacle =
    others.length > 0 ? `${somePaths(others)} has them too` : remade(commits, out) > MOST ? `they are more than ${MOST}` : null
  if (obstacle)
    return [`Commits made during the run hold uncommitted changes of yours (${paths}), and stay as they are: ${obstacle}.`, ...stay]
  const { became, lost } = await rewrite(beside, place, commits, out)
  if (commits.every(({ sha }) => became.get(sha) === sha)) return stay
  const kept: string[] = []
  for (const sha of new Set(holders.map(one => one.sha))) kept.push(await keepCommit(git, request.runId, sha))
  for (const { ref } of holders) await clearRefLock(repository.commonDir, repository.root, ref)
  const commands = await howAsBefore(place, git, holders)
  const remark = [
    `Commits made during the run held uncommitted changes of yours (${paths}); they were made again without them, and how they were is kept in ${somePaths(kept)}`,
    `: ${await namesOf(git, commits, became)}.`,
    lost.size > 0 ? ` They lost their other changes of ${somePaths([...lost])} too, which could not be told apart.` : '',
    commands.length > 0 ? ` To have them again as they were: ${somePaths(commands, MOST_NAMED)}.` : '',
  ].join('')
  const remarks = noteInPicture(place, remark)
  const input = holders.map(({ ref, sha }) => {
    const tip = became.get(sha) ?? null
    return tip === null ? `delete ${ref} ${sha}\n` : `update ${ref} ${tip} ${sha}\n`
  })
  try {
    await git.run(['update-ref', '-m', 'agent-runner: without changes of the user', '--stdin'], { input: input.join('') })
  } catch (failure) {
    noteInPicture(place, null, remark)
    throw failure
  }
  return [...remarks, ...stay]
}

/** How many commits (oldest first) change when changes are taken out of some: those, and all after them. */
function remade(commits: Made[], out: Map<string, unknown[]>): number {
  const others = new Set<string>()
  for (const { sha, parents } of commits) if (out.get(sha)?.length || parents.some(parent => others.has(parent))) others.add(sha)
  return others.size
}

const MOST_NAMED = 10
const MOST_SAID = 120

/** The commits that are not as they were, and whose they are: in the same checkout the user may have made some. */
async function namesOf(git: Git, commits: Made[], became: Map<string, string | null>): Promise<string> {
  const changed = commits.filter(({ sha }) => became.get(sha) !== sha)
  const lines = await git.names(['log', '--no-walk=unsorted', '-z', '--format=%h by %an, "%s"', ...changed.map(({ sha }) => sha), '--'], {
    config: ['log.showSignature=false'],
  })
  const isGone = ({ sha, parents }: Made) =>
    [...parents.map(parent => became.get(parent) ?? parent), null].includes(became.get(sha) ?? null)
  const named = lines.map(
    (line, at) =>
      `${line.length > MOST_SAID ? `${line.slice(0, MOST_SAID)}…"` : line}${isGone(changed[at]!) ? ' (taken off: nothing else was in it)' : ''}`,
  )
  return somePaths(named, MOST_NAMED)
}

/** The commands that point the branches and tags to what they were; files stay as they are. The checkout may be on another branch by then. */
async function howAsBefore({ request }: Place, git: Git, holders: Holder[]): Promise<string[]> {
  const own = (await git.ask(['symbolic-ref', '-q', 'HEAD']))?.trim()
  const commands: string[] = []
  for (const { ref, sha } of holders) {
    if (ref === 'HEAD') continue
    const command = `git update-ref ${shellWord(ref)} ${await keepCommit(git, request.runId, sha)}`
    commands.push(ref === own ? `\`${command} && git reset\`` : `\`${command}\``)
  }
  return commands
}

/** The refs in whose history one of the commits is, and HEAD where it is on no branch. */
async function holdersOf(beside: Beside, commits: string[]): Promise<Holder[]> {
  const { git } = beside
  const own = (await git.ask(['symbolic-ref', '-q', 'HEAD']))?.trim() ?? null
  const format = '--format=%(refname) %(objecttype) %(objectname) %(symref) %(worktreepath)%00'
  const among = ['refs/heads', 'refs/remotes', 'refs/tags']
  const lines = await git.names(['for-each-ref', format, ...commits.map(sha => `--contains=${sha}`), ...among])
  const holders = lines.flatMap((line): Holder[] => {
    const [ref = '', type = '', sha = '', symref = '', ...elsewhere] = line.replace(/^\n/, '').split(' ')
    if (ref === '' || symref !== '') return []
    const isFree = !ref.startsWith('refs/remotes/') && type === 'commit' && elsewhere.join(' ') === ''
    return [{ ref, sha, ours: ref === own || isFree }]
  })
  const head = own === null ? await branchTip(git, 'HEAD') : null
  const held = new Set(commits)
  if (head && (await madeSince(beside, [head])).some(({ sha }) => held.has(sha))) holders.push({ ref: 'HEAD', sha: head, ours: true })
  return holders
}
