import type { ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Board, openBoard } from '../../board/board.ts'
import type { ProcessIdentity } from '../../core/run.ts'
import { endTagged, identify, isAlive, RUN_TAG } from '../../machine/process/processes.ts'
import { startChild } from '../../machine/process/start-child.ts'
import { boardFile } from '../task/embedded-board.ts'
import { AGENT_SCRIPT } from './agent-script.ts'
import { git, NO_SETTINGS, type TaskSeen } from './findings.ts'
import { SILENT_S } from './plan.ts'

/**
 * The throwaway place of a chaos run: a repository, a state folder with its board, the agent, and a decoy process that has nothing to do
 * with it.
 */
export interface Ground {
  root: string
  home: string
  repo: string
  board: Board
  /** The words that start the program. */
  self: string[]
  /** The environment of every runner; each lane adds a HOME of its own. */
  env: NodeJS.ProcessEnv
  /** A process of ours that no runner may ever signal. */
  decoy: ProcessIdentity
  decoyLives(): boolean
  runs(): string[]
  task(id: string): Promise<TaskSeen>
  /** Adds tasks that were parked, whose worktrees stay for a person to look at, and returns all of them. */
  parked(ids: string[]): string[]
  /** Ends what was started here, and removes the place unless `keep`. */
  close(keep: boolean): Promise<void>
}

/** Makes the place in the folder for temporary files. `self` starts the program under test. */
export async function openGround(self: string[], from: NodeJS.ProcessEnv): Promise<Ground> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'agent-runner-chaos-')))
  const home = join(root, 'state')
  const repo = join(root, 'repository')
  for (const folder of [home, repo, join(root, 'hooks'), join(root, 'logs')]) mkdirSync(folder, { mode: 0o700 })
  program(join(root, 'agent'), AGENT_SCRIPT)
  for (const hook of ['pre_task', 'post_task', 'health_check']) program(join(root, 'hooks', hook), '#!/bin/sh\nexit 0\n')
  makeRepository(repo)
  const board = await openBoard(boardFile(home), { project: repo })
  const decoy = startChild({ need: 'own', file: 'sleep', args: ['86400'] }, 'ignore')
  const identity = identify(decoy.pid ?? 0)
  if (!identity) throw new Error('the decoy process could not be started')
  const runs = () => (existsSync(join(home, 'runs')) ? readdirSync(join(home, 'runs')) : [])
  const parked: string[] = []
  return {
    ...{ root, home, repo, board, self, decoy: identity, runs },
    env: environment(root, home, from),
    decoyLives: () => isAlive(identity) && running(decoy),
    async task(id) {
      const { status, lockedBy, notes, history } = await board.showTask(id)
      return { status, holder: lockedBy, notes, moves: history.flatMap(line => line.to ?? []) }
    },
    parked(ids) {
      for (const id of ids) if (!parked.includes(id)) parked.push(id)
      return parked
    },
    async close(keep) {
      decoy.kill('SIGKILL')
      for (const run of runs()) await endTagged(RUN_TAG, run, 0)
      await board.close()
      if (!keep) rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function environment(root: string, home: string, from: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = ['PATH', 'TMPDIR', 'LANG', 'NODE_COMPILE_CACHE'].flatMap(name => (from[name] === undefined ? [] : [[name, from[name]]]))
  return {
    ...Object.fromEntries(kept),
    ...NO_SETTINGS,
    NO_COLOR: '1',
    HEADLESS_PM_HOME: home,
    HEADLESS_PM_TRACKER: 'embedded',
    HEADLESS_PM_CLAUDE_COMMAND: join(root, 'agent'),
    HEADLESS_PM_HOOKS_DIR: join(root, 'hooks'),
    HEADLESS_PM_LOG_FORMAT: 'json',
    HEADLESS_PM_KILL_GRACE: '1',
    HEADLESS_PM_CLAUDE_TIMEOUT: '120',
    HEADLESS_PM_SILENT_AFTER: String(SILENT_S),
  }
}

function makeRepository(repo: string): void {
  git(repo, 'init', '-q', '-b', 'main')
  git(repo, 'config', 'user.name', 'Chaos')
  git(repo, 'config', 'user.email', 'chaos@example.com')
  writeFileSync(join(repo, 'README.md'), '# A repository to throw away\n')
  git(repo, 'add', '-A')
  git(repo, 'commit', '-q', '-m', 'start')
}

function program(path: string, text: string): void {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

/** Whether a child of ours has not ended yet. */
export function running(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** A file as text; '' when it is not there. */
export function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
