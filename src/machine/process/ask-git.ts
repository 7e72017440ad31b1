import type { SimpleGit } from 'simple-git'
import { childEnvironment, type Entries, type Need } from './child-environment.ts'

/** git, as it can be asked. */
export type AskedGit = Pick<SimpleGit, 'version' | 'raw'>

/** How git is asked. */
export interface GitQuestion {
  need: Need
  cwd?: string | undefined
  /** Our environment, as in `startChild`. */
  ours?: NodeJS.ProcessEnv
  set?: Entries
  /** The longest time without output, in milliseconds. */
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/** Do not fetch an object that a partial clone lacks: that would start a program that the repository names. */
const NO_FETCH = { GIT_ALLOW_PROTOCOL: '' }

/**
 * simple-git, for questions of commands that only look, at which git starts no other program: no hook, filter, helper or pager. simple-git
 * starts git in our own session and ends git alone, so what git started would have our terminal and outlive it; the environment is that of
 * every child.
 */
export async function askGit({ need, cwd = process.cwd(), ours = process.env, set, timeoutMs, signal }: GitQuestion): Promise<AskedGit> {
  const { simpleGit } = await import('simple-git')
  const env = childEnvironment(need, ours, { ...set, ...NO_FETCH })
  return simpleGit({
    baseDir: cwd,
    // The variables that simple-git warns of are in our lists on purpose, or ours.
    allowEnvironment: Object.keys(env),
    unsafe: {
      allowUnsafeAskPass: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeEditor: true,
      allowUnsafePager: true,
      allowUnsafeSshCommand: true,
    },
    timeout: { block: timeoutMs },
    // Leave no timer behind.
    completion: { onClose: true, onExit: false },
    // By default a git that was killed, or failed without output, would count as a success.
    errors: (error, { exitCode, stdErr, stdOut }) =>
      error ?? (exitCode === 0 ? undefined : Buffer.concat([Buffer.from(`git ended with ${exitCode}: `), ...stdErr, ...stdOut])),
    ...(signal && { abort: signal }),
  }).env(env)
}
