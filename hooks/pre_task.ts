import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Finding, type HookInput, type HookPlace, runAsProgram, verdict } from './document.ts'
import { diskSpace } from './machine.ts'

/** Before a task: is there disk space, can git work here, does the agent CLI answer? Exit code 0 when all is well, else 1. */
export async function main(document: HookInput, place: HookPlace): Promise<number> {
  const disks = diskSpace([place.folder, document.state_dir], place)
  const findings = await Promise.all([disks, gitState(document, place), agentAnswers(document, place)])
  return verdict(findings.flat(), place)
}

const HALF_DONE: Record<string, string> = {
  MERGE_HEAD: 'a merge',
  'rebase-merge': 'a rebase',
  'rebase-apply': 'a rebase',
  CHERRY_PICK_HEAD: 'a cherry-pick',
  REVERT_HEAD: 'a revert',
}

async function gitState(document: HookInput, { folder, run, signal }: HookPlace): Promise<Finding[]> {
  const { stdout, stderr, failure } = await run('git', ['rev-parse', '--absolute-git-dir'], 10_000)
  if (failure) {
    // A folder without git is allowed; a repository that git refuses (owner, damage) is not.
    if (!hasRepository(folder)) return [{ ok: true, says: `${folder} is not a git repository: work is done in place, without a branch` }]
    return [{ ok: false, says: `git does not work in ${folder}: ${(stderr || failure.message).trim()}` }]
  }
  const gitFolder = stdout.trim()
  const findings: Finding[] = []
  const halfDone = Object.keys(HALF_DONE).find(name => existsSync(join(gitFolder, name)))
  if (halfDone) findings.push({ ok: false, says: `${HALF_DONE[halfDone]} is going on in ${folder}: finish or abort it` })
  const lock = join(gitFolder, 'index.lock')
  if (await staysLocked(lock, signal))
    findings.push({ ok: false, says: `${lock} is there: a git command is at work, or was killed. When none runs, delete that file` })
  if (findings.length === 0) return [{ ok: true, says: `git works in ${folder}` }]
  // A major task works in a worktree with an index of its own, which this does not touch.
  if (document.task?.complexity === 'major')
    return findings.map(({ says }) => ({ ok: true, says: `${says} (it is no obstacle to this task)` }))
  return findings
}

/** Most git commands hold the lock for a moment only; 3 s tells them from one that was killed. */
async function staysLocked(lock: string, signal: AbortSignal): Promise<boolean> {
  for (const until = performance.now() + 3_000; existsSync(lock) && !signal.aborted; ) {
    if (performance.now() > until) return true
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  return false
}

function hasRepository(folder: string): boolean {
  return existsSync(join(folder, '.git')) || (dirname(folder) !== folder && hasRepository(dirname(folder)))
}

async function agentAnswers(document: HookInput, { env, run }: HookPlace): Promise<Finding> {
  const command = document.agent_command ?? env.HEADLESS_PM_CLAUDE_COMMAND ?? 'claude'
  const { stdout, stderr, failure } = await run(command, ['--version'], 10_000)
  if (!failure) return { ok: true, says: `the agent CLI answers: ${stdout.trim().split('\n', 1)[0]}` }
  const why = failure.missing ? 'it is not there' : failure.late ? 'no answer in 10 s' : stderr.trim() || failure.message
  return { ok: false, says: `the agent CLI (${command} --version) does not answer: ${why}` }
}

if (import.meta.main) void runAsProgram(main)
