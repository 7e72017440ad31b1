import { join } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import { check } from './check.ts'
import type { Config } from './config.ts'
import { contradictions } from './contradictions.ts'
import { fromEnvironment, readDotEnv } from './environment.ts'
import { absolute, realFolder, repositoryAround } from './places.ts'
import { findProjectFile, readProjectFile } from './project-file.ts'
import { flagAttribute, flagName, KEYS, type Key, setting, type Values } from './schema.ts'
import { DEFAULT_SOURCE, type Found, type Problem, type Source, sayProblem } from './source.ts'
import { readUserFile, userFilePath } from './user-file.ts'

export interface ConfigInput {
  /** By commander's attribute names; others than settings are passed over. */
  flags: Record<string, unknown>
  env: NodeJS.ProcessEnv
  cwd: string
}

/**
 * Reads flags > environment > `.env` > project file > user file > defaults. Writes nothing. Throws USAGE when a flag is wrong, else
 * CONFIG_INVALID; the message has one line per problem, and each names its place.
 */
export async function loadConfig(input: ConfigInput): Promise<Config> {
  const z = await import('zod')
  const problems: Problem[] = []
  const flags = fromFlags(input.flags)
  const values: Partial<Record<Key, unknown>> = {}
  const sources = {} as Record<Key, Source>
  const bases = { cwd: input.cwd, repo: input.cwd, home: input.cwd }

  const settle = (key: Key, layers: Map<Key, Found>[]) => {
    const row = setting(key)
    const found = layers.map(layer => layer.get(key)).find(entry => entry !== undefined)
    const checked = found ? check(z, key, found) : { value: row.default }
    const source = found?.source ?? DEFAULT_SOURCE
    if ('problem' in checked) problems.push(checked.problem)
    const value = 'value' in checked ? checked.value : row.default
    const isPath = (row.kind === 'path' || row.kind === 'command') && typeof value === 'string'
    values[key] = isPath ? absolute(row, value, source, bases) : value
    sources[key] = source
  }

  // First the two places, since the other files are found by them. `.env` is in the repository, so it cannot name it.
  settle('repo', [flags, fromEnvironment(input.env, null)])
  const given = realFolder(values.repo as string)
  if (sources.repo.kind === 'default') bases.repo = repositoryAround(given ?? input.cwd)
  else if (given) bases.repo = given
  else problems.push(sayProblem(sources.repo, String(values.repo), 'there is no such folder'))
  values.repo = bases.repo
  const dotenv = await readDotEnv(join(bases.repo, '.env'), problems)
  const environment = fromEnvironment(input.env, dotenv)
  settle('home', [flags, environment])
  bases.home = values.home as string

  const project = findProjectFile(bases.repo)
  const layers = [flags, environment, await readProjectFile(project, problems), readUserFile(bases.home, problems)]
  for (const key of KEYS) if (!setting(key).place) settle(key, layers)

  const config = {
    values: values as Values,
    sources,
    files: { project, dotenv: dotenv?.path ?? null, user: userFilePath(bases.home) },
  }
  if (problems.length === 0) problems.push(...contradictions(config))
  if (problems.length > 0) throw refusal(problems)
  return config
}

/** Flags that commander read, by setting. */
function fromFlags(flags: Record<string, unknown>): Map<Key, Found> {
  const found = new Map<Key, Found>()
  for (const key of KEYS) {
    const raw = flags[flagAttribute(key) ?? '']
    if (raw === undefined) continue
    found.set(key, { raw, asText: true, source: { kind: 'flag', name: flagName(key) ?? '', path: null, line: null } })
  }
  return found
}

function refusal(problems: Problem[]): RunnerError {
  const wrongFlag = problems.some(problem => problem.kind === 'flag')
  return new RunnerError(wrongFlag ? 'USAGE' : 'CONFIG_INVALID', problems.map(problem => problem.message).join('\n'))
}
