import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { RunnerError } from '../../src/core/errors.ts'
import { writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { trustAsItIs } from '../support/trusted.ts'

export interface Given {
  flags?: Record<string, unknown>
  env?: Record<string, string>
  /** Files in the repository. */
  files?: Record<string, string>
  /** The user file. */
  user?: unknown
  /** The user has trusted the repository. */
  trusted?: boolean
}

/** Loads a configuration from files in a repository and a state folder of the test's own. */
export async function loadIn(given: Given): Promise<{ config: Config; repo: string; home: string }> {
  const root = tempFolder()
  const [repo, home] = [join(root, 'repo'), join(root, 'home')]
  mkdirSync(join(repo, '.git'), { recursive: true })
  writeFiles(repo, given.files ?? {})
  if (given.user !== undefined)
    writeFiles(home, { 'config.json': typeof given.user === 'string' ? given.user : JSON.stringify(given.user) })
  const env = { HEADLESS_PM_HOME: home, ...given.env }
  if (given.trusted) await trustAsItIs(repo, home)
  return { config: await loadConfig({ flags: given.flags ?? {}, env, cwd: repo }), repo, home }
}

/** The error with which loading is refused. */
export async function refusalOf(given: Given): Promise<RunnerError> {
  const thrown = await loadIn(given).then(
    () => null,
    error => error,
  )
  if (!(thrown instanceof RunnerError)) throw new Error(`expected a refusal, got ${thrown}`)
  return thrown
}
