import { branchTip } from './base-commit.ts'
import { clearRefLock } from './git-at-work.ts'
import { type Beside, madeSince, stoodAt, usersIn } from './made-here.ts'
import { noteInPicture } from './picture.ts'
import type { Place } from './place.ts'
import { keepCommit } from './rescue.ts'
import { rewrite } from './rewrite.ts'
import { somePaths } from './users-paths.ts'

/** More commits are not written anew. */
const MOST = 200

/** A ref that has commits which are to be made again. */
interface Holder {
  ref: string
  sha: string
  /** Whether it may be pointed to the new ones: a branch or a plain tag that nobody else works on. */
  ours: boolean
}

/**
 * Takes the user's uncommitted changes out of the commits that were made beside them in the same checkout, on any branch: an agent that says
 * `git add -A`, or a hook that does, commits them too. The commits are written anew without them, those that held nothing else go, and so does an
 * amended commit that is then what it was; no file is touched. How they were is kept under `refs/agent-runner/`. Where somebody else has the commits
 * already, it only says so. Answers with remarks.
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
  const out = await usersIn(beside, commits)
  const paths = somePaths([...new Set([...out.values()].flat().map(({ path }) => path))])
  const others = holders.filter(({ ours }) => !ours).map(({ ref }) => ref)
  const obstacle = others.length > 0 ? `${somePaths(others)} has them too` : commits.length > MOST ? `they are more than ${MOST}` : null
  if (obstacle) return [`Commits made during the run hold uncommitted changes of yours (${paths}), and stay as they are: ${obstacle}.`]
  const kept: string[] = []
  for (const sha of new Set(holders.map(one => one.sha))) kept.push(await keepCommit(git, request.runId, sha))
  const now = await rewrite(beside, place, commits, out)
  for (const { ref } of holders) await clearRefLock(repository.commonDir, repository.root, ref)
  const remark = `Commits made during the run held uncommitted changes of yours (${paths}); they were made again without them, and how they were is kept in ${somePaths(kept)}.`
  const remarks = noteInPicture(place, remark)
  const input = holders.map(({ ref, sha }) => {
    const tip = now.get(sha) ?? null
    return tip === null ? `delete ${ref} ${sha}\n` : `update ${ref} ${tip} ${sha}\n`
  })
  await git.run(['update-ref', '-m', 'agent-runner: without changes of the user', '--stdin'], { input: input.join('') })
  return remarks
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
  if (head && (await madeSince(beside, [head])).some(({ sha }) => commits.includes(sha)))
    holders.push({ ref: 'HEAD', sha: head, ours: true })
  return holders
}
