import { join } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import { check } from './check.ts'
import type { Config } from './config.ts'
import { contradictions } from './contradictions.ts'
import { type DotEnv, fromEnvironment, readDotEnv } from './environment.ts'
import { absolute, type Bases, realFolder, repositoryAround } from './places.ts'
import { findProjectFile, readProjectFile } from './project-file.ts'
import { flagName, flagValue, KEYS, type Key, setting, type Values } from './schema.ts'
import type { Z } from './setting.ts'
import { DEFAULT_SOURCE, type Found, type Problem, type Source, sayProblem } from './source.ts'
import { readUserFile, userFilePath } from './user-file.ts'

export interface ConfigInput {
  /** By commander's attribute names; others than settings are passed over. */
  flags: Record<string, unknown>
  env: NodeJS.ProcessEnv
  cwd: string
}

type Layer = Map<Key, Found>
type Settled = { value: unknown; source: Source }

/**
 * Reads flags > environment > `.env` > project file > user file > defaults. Writes nothing. Throws USAGE when a flag is wrong, else
 * CONFIG_INVALID; the message has one line per problem, and each names its place.
 */
export async function loadConfig(input: ConfigInput): Promise<Config> {
  const { config, problems } = await readConfig(input)
  refuse(problems)
  return config
}

/** The same with what is wrong beside it, for who shows a configuration; the default stands in for a bad value. Throws USAGE for a wrong flag. */
export async function readConfig(input: ConfigInput): Promise<{ config: Config; problems: Problem[] }> {
  const { z } = await import('./zod.ts')
  const problems: Problem[] = []
  const { repo, home, bases, dotenv, layers } = await settlePlaces(z, input, problems)
  const project = findProjectFile(bases.repo)
  const all = [...layers, await readProjectFile(project, problems), readUserFile(bases.home, problems)]
  const settled = new Map<Key, Settled>(
    KEYS.map(key => [key, setting(key).trust === 'never' ? { repo, home }[key as 'repo'] : settle(z, key, all, bases, problems)]),
  )
  const config: Config = {
    values: Object.fromEntries([...settled].map(([key, { value }]) => [key, value])) as Values,
    sources: Object.fromEntries([...settled].map(([key, { source }]) => [key, source])) as Record<Key, Source>,
    files: { project, dotenv: dotenv?.path ?? null, user: userFilePath(bases.home) },
  }
  if (problems.length === 0) problems.push(...contradictions(config))
  if (problems.some(problem => problem.kind === 'flag')) refuse(problems)
  return { config, problems }
}

/** Only where things are; for what must also work while the rest of the configuration is wrong. Same errors as `loadConfig`. */
export async function loadPlaces(input: ConfigInput): Promise<{ repo: string; home: string; project: string | null }> {
  const problems: Problem[] = []
  const { bases } = await settlePlaces((await import('./zod.ts')).z, input, problems)
  refuse(problems)
  return { repo: bases.repo, home: bases.home, project: findProjectFile(bases.repo) }
}

/** The two places come first, since the files are found by them. `.env` is in the repository, so it cannot name it. */
async function settlePlaces(z: Z, input: ConfigInput, problems: Problem[]) {
  const flags = fromFlags(input.flags)
  const bases: Bases = { cwd: input.cwd, repo: input.cwd, home: input.cwd }
  const repo = settle(z, 'repo', [flags, fromEnvironment(input.env, null)], bases, problems)
  const folder = realFolder(repo.value as string)
  if (folder === null) problems.push(sayProblem(repo.source, String(repo.value), 'there is no such folder'))
  else bases.repo = repo.source.kind === 'default' ? repositoryAround(folder) : folder

  const dotenv: DotEnv | null = await readDotEnv(join(bases.repo, '.env'), problems)
  const layers: Layer[] = [flags, fromEnvironment(input.env, dotenv)]
  const home = settle(z, 'home', layers, bases, problems)
  bases.home = home.value as string
  return { repo: { ...repo, value: bases.repo }, home, bases, dotenv, layers }
}

/** The nearest value of a setting, checked, and where it came from. A bad one is a problem, and the default stands in for it. */
function settle(z: Z, key: Key, layers: Layer[], bases: Bases, problems: Problem[]): Settled {
  const row = setting(key)
  const found = layers.map(layer => layer.get(key)).find(entry => entry !== undefined)
  const source = found?.source ?? DEFAULT_SOURCE
  const checked = found ? check(z, key, found) : { value: row.default }
  if ('problem' in checked) problems.push(checked.problem)
  const value = 'problem' in checked ? row.default : checked.value
  const isPath = (row.kind === 'path' || row.kind === 'command') && typeof value === 'string'
  return { value: isPath ? absolute(row, value, source, bases) : value, source }
}

/** Flags that commander read, by setting. */
function fromFlags(flags: Record<string, unknown>): Layer {
  const found: Layer = new Map()
  for (const key of KEYS) {
    const raw = flagValue(key, flags)
    if (raw === undefined) continue
    found.set(key, { raw, asText: true, source: { kind: 'flag', name: flagName(key) ?? '', path: null, line: null } })
  }
  return found
}

/** Throws what is wrong, if anything: USAGE when a flag is, else CONFIG_INVALID. */
export function refuse(problems: Problem[]): void {
  if (problems.length === 0) return
  const wrongFlag = problems.some(problem => problem.kind === 'flag')
  throw new RunnerError(wrongFlag ? 'USAGE' : 'CONFIG_INVALID', problems.map(problem => problem.message).join('\n'))
}
