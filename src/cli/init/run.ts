import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { loadPlaces, readConfig } from '../../config/load.ts'
import { flagAttribute, flagName, type Key, setting } from '../../config/schema.ts'
import { z } from '../../config/zod.ts'
import { asRunnerError, RunnerError } from '../../core/errors.ts'
import type { CommandIo } from '../command/command-io.ts'
import { trustNow } from '../command/configuration.ts'
import { checkedFlag } from './checked-flag.ts'
import { openPrompts } from './prompts.ts'
import { belongs, INIT_KEYS, type InitKey, isOptional, serverOf } from './questions.ts'
import { writeAnswers } from './write.ts'

type Flags = Record<string, unknown>

/**
 * Collects the answers from flags, then from the terminal, and writes them. Without a terminal every answer must be there: throws USAGE
 * with the flags that are missing, before anything is written.
 */
export async function runInit(flags: Flags, io: CommandIo): Promise<void> {
  const places = await loadPlaces({ flags, env: io.env, cwd: io.cwd })
  const before = await trustOf(places, io)
  const target = flags.target ?? (flags.yes ? 'user' : undefined)
  if (target !== undefined && target !== 'user' && target !== 'project')
    throw new RunnerError('USAGE', `--target ${target}: expected one of user, project`)
  const given: Partial<Record<Key, unknown>> = {}
  for (const key of INIT_KEYS) {
    const text = flags[flagAttribute(key) ?? ''] ?? (flags.yes ? usual(key, flags) : undefined)
    if (text !== undefined && text !== null) given[key] = checkedFlag(z, key, String(text))
  }
  for (const key of INIT_KEYS)
    if (given.tracker !== undefined && flags[flagAttribute(key) ?? ''] !== undefined && !belongs(key, given.tracker))
      throw new RunnerError('USAGE', `${flagName(key)}: is for another tracker, but the tracker is ${given.tracker}`)

  const asks = io.stdin.isTTY === true && (io.stderr as { isTTY?: boolean }).isTTY === true
  const missing = unanswered(target, given, flags, io.env)
  if (missing.length > 0 && !asks)
    throw new RunnerError('USAGE', `without a terminal init needs every answer as a flag; missing: ${missing.join(', ')}`)
  const key = await apiKeyOf(flags, io)
  const answers =
    missing.length > 0 ? await ask(target, given, key, flags, io) : { target: target as 'user' | 'project', settings: given, key }
  for (const key of INIT_KEYS) if (!belongs(key, answers.settings.tracker)) delete answers.settings[key]
  const written = await writeAnswers(answers, places)
  if (answers.target === 'project') await trustWritten(before, places, io)

  if (flags.json) io.stdout.write(`${JSON.stringify({ written })}\n`)
  else for (const path of written) io.stdout.write(`written: ${path}\n`)
  if (!flags.json) io.stdout.write('next: agent-runner doctor\n')
}

const trustOf = async ({ repo, home }: { repo: string; home: string }, io: CommandIo) =>
  (await readConfig({ flags: { repo, home }, env: io.env, cwd: io.cwd })).config.trust

/** The user has just given these answers, so trust needs no second question unless the repository asks for something else too. */
async function trustWritten(before: Config['trust'], places: { repo: string; home: string }, io: CommandIo): Promise<void> {
  const now = await trustOf(places, io)
  if (now.state === 'none' || now.state === 'trusted') return
  if (before.state === 'none' || before.state === 'trusted') trustNow(now, io.env)
  else io.stderr.write(`agent-runner: the repository was not trusted before, and is not now: agent-runner trust ${now.repo}\n`)
}

/** The flags that would answer the open questions. While the tracker is open too, the questions for a PM count as open. */
function unanswered(target: unknown, given: Partial<Record<Key, unknown>>, flags: Flags, env: NodeJS.ProcessEnv): string[] {
  const tracker = given.tracker ?? 'headless-pm'
  const server = serverOf(tracker)
  const open = INIT_KEYS.filter(key => given[key] === undefined && belongs(key, tracker) && !isOptional(key)).map(key =>
    String(flagName(key)),
  )
  const keyKnown =
    server === null ||
    flags.apiKey === false ||
    flags.apiKeyFile !== undefined ||
    flags.yes ||
    setting(server.key).env.some(name => env[name])
  return [...(target === undefined ? ['--target'] : []), ...open, ...(keyKnown ? [] : ['--api-key-file (or --no-api-key)'])]
}

async function ask(target: unknown, given: Partial<Record<Key, unknown>>, key: string | null, flags: Flags, io: CommandIo) {
  try {
    const prompts = await openPrompts(z, io)
    const chosen = (target ?? (await prompts.target())) as 'user' | 'project'
    const settings = { ...given }
    for (const name of INIT_KEYS) {
      if (settings[name] !== undefined || !belongs(name, settings.tracker)) continue
      const text = await prompts.setting(name, usual(name, flags))
      if (text !== '') settings[name] = checkedFlag(z, name, text)
    }
    const keyOpen = serverOf(settings.tracker) !== null && key === null && flags.apiKey !== false && !flags.yes
    return { target: chosen, settings, key: keyOpen ? (await prompts.apiKey()).trim() || null : key }
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'ExitPromptError') throw new RunnerError('ABORTED', 'left; nothing was written')
    throw asRunnerError(thrown)
  }
}

/** The value that is offered, or taken with --yes. An address or a key means that the user wants a server. */
function usual(key: InitKey, flags: Flags): string | null {
  if (key === 'tracker' && flags.server !== undefined) return 'control-plane'
  if (key === 'tracker') return flags.apiUrl === undefined && flags.apiKeyFile === undefined ? 'embedded' : 'headless-pm'
  return setting(key).default as string | null
}

async function apiKeyOf(flags: Flags, io: CommandIo): Promise<string | null> {
  const file = flags.apiKeyFile
  if (typeof file !== 'string') return null
  if (file === '-') {
    let text = ''
    for await (const piece of io.stdin) text += piece
    return text.trim() || null
  }
  try {
    return readFileSync(resolve(io.cwd, file), 'utf8').trim() || null
  } catch (thrown) {
    throw new RunnerError('USAGE', `--api-key-file ${file}: cannot be read (${(thrown as NodeJS.ErrnoException).code})`, { cause: thrown })
  }
}
