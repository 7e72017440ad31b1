import { join } from 'node:path'
import { RunnerError } from '../core/errors.ts'
import { keepSecret, secretsInUrls, secretsOf } from '../core/redaction.ts'
import type { Config } from './config.ts'
import { contradictions } from './contradictions.ts'
import { type Bases, realFolder, repositoryAround } from './places.ts'
import { flagName, KEYS, type Key, setting, type Values } from './schema.ts'
import type { Z } from './setting.ts'
import { fromFlags, type Layer, nearest, type Settled, settle } from './settle.ts'
import { type Found, type Problem, type Source, sayProblem } from './source.ts'
import { fromEnvironment, readDotEnv } from './sources/environment.ts'
import { findProjectFile, readProjectFile, tellPassedOver } from './sources/project-file.ts'
import { remoteSecrets } from './sources/remote-secrets.ts'
import { readUserFile, userFilePath } from './sources/user-file.ts'
import { isFree } from './trust/bounds.ts'
import { judge, type SettingsFile } from './trust/judge.ts'
import { EVERYTHING, refuseUntrusted, type Uses } from './trust/refusal.ts'
import { readTrust } from './trust/store.ts'

export interface ConfigInput {
  /** By commander's attribute names; names that are no settings are ignored. */
  flags: Record<string, unknown>
  env: NodeJS.ProcessEnv
  cwd: string
}

/**
 * Reads flags > environment > `.env` > project file > user file > defaults. Writes nothing. Throws USAGE when a flag is wrong, else
 * CONFIG_INVALID; the message has one line per problem, and each names its place. Throws UNTRUSTED when the command would use what an
 * untrusted repository says.
 */
export async function loadConfig(input: ConfigInput, uses: Uses = EVERYTHING): Promise<Config> {
  const { config, problems } = await readConfig(input)
  // Check trust first: nobody has to mend a bad value in an untrusted repository.
  refuseUntrusted(config, uses)
  refuse(problems)
  return config
}

/**
 * The same for a command that only looks: what an untrusted repository says does not count, and `leftOut` tells of it. Mistakes are
 * returned too, for commands that show a configuration; the default replaces a bad value. Throws USAGE for a wrong flag.
 */
export async function readConfig(input: ConfigInput): Promise<{ config: Config; problems: Problem[] }> {
  const { z } = await import('./zod.ts')
  const problems: Problem[] = []
  keepSecret(secretsOf(input.env))
  const { repo, home, bases, flags } = await settlePlaces(z, input, problems)
  // `.env` belongs to the application, and may be a pipe of a password manager: nobody could change that for us.
  const unread: Problem[] = []
  const dotenv = await readDotEnv(join(bases.repo, '.env'), unread)
  const project = await readProjectFile(findProjectFile(bases.repo), problems)
  const user = readUserFile(bases.home, problems)
  const own: Layer[] = [flags, fromEnvironment(input.env, null), user]
  const all: Layer[] = [flags, fromEnvironment(input.env, dotenv), project?.found ?? new Map(), user]
  keepSecret([...remoteSecrets(bases.repo), ...secretsOf(dotenv?.values ?? {}), ...all.flatMap(secretsOfLayer)])
  const files: SettingsFile[] = [dotenv && { file: dotenv.file, found: fromEnvironment({}, dotenv) }, project].filter(file => file !== null)
  const free = (key: Key, found: Found) => isFree(z, key, found, bases, settle(z, key, own, bases, []).value)
  const skipsPermissions = ['skip', 'bypassPermissions'].includes(settle(z, 'permissionMode', all, bases, []).value as string)
  const trust = judge({ bases, files, isFree: free, skipsPermissions })
  // Somebody relies on what it said.
  if (readTrust(bases.home, bases.repo)?.files['.env'] !== undefined) problems.push(...unread.splice(0))

  const leftOut: Config['leftOut'] = []
  const settleOne = (key: Key): Settled => {
    const found = nearest(key, all)
    const ofRepository = found !== undefined && isOfRepository(found.source)
    if (setting(key).trust === 'never') {
      if (ofRepository) problems.push(sayProblem(found.source, null, `can only be given as ${flagName(key)} or in the real environment`))
      return { repo, home }[key as 'repo']
    }
    if (!ofRepository || trust.state === 'trusted' || free(key, found)) return settle(z, key, all, bases, problems)
    leftOut.push({ key, source: found.source })
    return settle(z, key, own, bases, problems)
  }
  const settled = new Map<Key, Settled>(KEYS.map(key => [key, settleOne(key)]))
  const config: Config = {
    values: Object.fromEntries([...settled].map(([key, { value }]) => [key, value])) as Values,
    sources: Object.fromEntries([...settled].map(([key, { source }]) => [key, source])) as Record<Key, Source>,
    ...{ trust, leftOut },
    files: { project: project?.file.path ?? null, dotenv: dotenv?.file.path ?? null, user: userFilePath(bases.home) },
    warnings: [...unread.map(({ message }) => `${message}; no setting is taken from it`), tellPassedOver(bases.repo)].filter(
      one => one !== null,
    ),
  }
  if (problems.length === 0) problems.push(...contradictions(config))
  if (problems.some(problem => problem.kind === 'flag')) refuse(problems)
  return { config, problems }
}

/** This includes secrets that do not count here, since another command may show the file. */
const secretsOfLayer = (found: Layer): string[] =>
  [...found].flatMap(([key, { raw }]) => (typeof raw !== 'string' ? [] : setting(key).secret ? [raw] : secretsInUrls(raw)))

/** Whether a value comes from a file of a repository. */
export const isOfRepository = ({ kind }: Source) => kind === 'dotenv' || kind === 'project'

/** Reads only the places, for commands that must work while the rest of the configuration is wrong. Same errors as `loadConfig`. */
export async function loadPlaces(input: ConfigInput): Promise<{ repo: string; home: string; project: string | null }> {
  const problems: Problem[] = []
  const { bases } = await settlePlaces((await import('./zod.ts')).z, input, problems)
  refuse(problems)
  return { repo: bases.repo, home: bases.home, project: findProjectFile(bases.repo) }
}

/** The two places come first, because they lead to the files. So no file of the repository can name them. */
async function settlePlaces(z: Z, input: ConfigInput, problems: Problem[]) {
  const flags = fromFlags(input.flags)
  const layers = [flags, fromEnvironment(input.env, null)]
  const bases: Bases = { cwd: input.cwd, repo: input.cwd, home: input.cwd }
  const repo = settle(z, 'repo', layers, bases, problems)
  const folder = realFolder(repo.value as string)
  if (folder === null) problems.push(sayProblem(repo.source, String(repo.value), 'there is no such folder'))
  else bases.repo = repo.source.kind === 'default' ? repositoryAround(folder) : folder
  const home = settle(z, 'home', layers, bases, problems)
  bases.home = home.value as string
  return { repo: { ...repo, value: bases.repo }, home, bases, flags }
}

/** Throws what is wrong, if anything: USAGE when a flag is, else CONFIG_INVALID. */
export function refuse(problems: Problem[]): void {
  if (problems.length === 0) return
  const wrongFlag = problems.some(problem => problem.kind === 'flag')
  throw new RunnerError(wrongFlag ? 'USAGE' : 'CONFIG_INVALID', problems.map(problem => problem.message).join('\n'))
}
