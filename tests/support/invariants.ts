import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { RUN_TAG, taggedProcesses } from '../../src/system/processes.ts'
import type { CrashStage } from './crash-stage.ts'

/**
 * What must hold after any crash and recovery that ended in success, looked at from outside: the tracker's own record, git, the processes
 * of the machine and its files. Nothing of the product's own words is believed.
 */
export async function expectDoneOnce(stage: CrashStage, taskId: string): Promise<void> {
  await expectToldOnce(stage, taskId, 'dev_done')
  expectOneAgentAtATime(stage)
  expectNothingLost(stage)
  expectNothingRunning(stage)
  expectNothingLeft(stage)
}

/** The task has this status, nobody holds it, it was moved there once, and there is one note of one run on it. */
export async function expectToldOnce({ board }: CrashStage, taskId: string, status: string): Promise<void> {
  const task = await board.task(taskId)
  expect(task).toMatchObject({ status, holder: null })
  expect(task.moves.filter(move => move === status)).toHaveLength(1)
  expect(task.notes.match(/agent-runner logs run_/g)).toHaveLength(1)
}

/** Each agent, when it started, found none of its forerunners alive. */
export function expectOneAgentAtATime({ agent }: CrashStage): void {
  expect(agent.overlaps()).toEqual([])
}

/** Every file that an agent says it has written is in a commit that some ref holds, or still where it was written. */
export function expectNothingLost({ agent, git, repo }: CrashStage): void {
  const committed = git('rev-list', '--all')
    .split('\n')
    .flatMap(commit => git('ls-tree', '-r', '--format=%(objectname) %(path)', commit).split('\n'))
  const kept = new Set(committed)
  const standing = git('worktree', 'list', '--porcelain')
    .split('\n')
    .filter(line => line.startsWith('worktree '))
    .map(line => line.slice('worktree '.length))
  for (const { file, text } of agent.written()) {
    const inCommit = [...kept].some(entry => entry.endsWith(` ${file}`) && git('cat-file', 'blob', entry.split(' ')[0]!) === text.trim())
    const inPlace = [repo, ...standing].some(folder => textOf(join(folder, file)) === text)
    expect(inCommit || inPlace, `${file} (${text.trim()}) is lost`).toBe(true)
  }
}

/** No process carries the tag of any run. */
export function expectNothingRunning({ runs }: CrashStage): void {
  expect(runs().flatMap(run => taggedProcesses(RUN_TAG, run))).toEqual([])
}

/** No lock file, no half-written file, no worktree, no lock of git, none of our notes in the repository's git folder. */
export function expectNothingLeft({ home, repo, git }: CrashStage): void {
  const ours = readdirSync(home, { recursive: true, encoding: 'utf8' })
  expect(ours.filter(name => name.endsWith('.lock') && name.startsWith('locks/'))).toEqual([])
  expect(ours.filter(name => name.endsWith('.tmp'))).toEqual([])
  expect(git('worktree', 'list').split('\n')).toHaveLength(1)
  const inGit = readdirSync(join(repo, '.git'), { recursive: true, encoding: 'utf8' })
  expect(inGit.filter(name => name.endsWith('.lock') || name.includes('agent-runner-'))).toEqual([])
  expect(git('status', '--porcelain')).toBe('')
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
