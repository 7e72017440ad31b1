import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as z from 'zod'
import { loadPlaces } from '../../config/load.ts'
import { flagAttribute, flagName, type Key, setting } from '../../config/schema.ts'
import { asRunnerError, RunnerError } from '../../core/errors.ts'
import type { CommandIo } from '../command-io.ts'
import { checkedFlag } from './checked-flag.ts'
import { openPrompts } from './prompts.ts'
import { INIT_KEYS, type InitKey } from './questions.ts'
import { writeAnswers } from './write.ts'

type Flags = Record<string, unknown>

/**
 * Collects the answers from flags, then from the terminal, and writes them. Without a terminal every answer must be there: throws USAGE
 * with the flags that are missing, before anything is written.
 */
export async function runInit(flags: Flags, io: CommandIo): Promise<void> {
  const places = await loadPlaces({ flags, env: io.env, cwd: io.cwd })
  const target = flags.target ?? (flags.yes ? 'user' : undefined)
  if (target !== undefined && target !== 'user' && target !== 'project')
    throw new RunnerError('USAGE', `--target ${target}: expected one of user, project`)
  const given: Partial<Record<Key, unknown>> = {}
  for (const key of INIT_KEYS) {
    const text = flags[flagAttribute(key) ?? ''] ?? (flags.yes ? usual(key, flags) : undefined)
    if (text !== undefined && text !== null) given[key] = checkedFlag(z, key, String(text))
  }
  if (given.tracker === 'embedded' && flags.apiUrl !== undefined)
    throw new RunnerError('USAGE', '--api-url: is for a Headless PM server, but the tracker is embedded')

  const asks = io.stdin.isTTY === true && (io.stderr as { isTTY?: boolean }).isTTY === true
  const missing = unanswered(target, given, flags, io.env)
  if (missing.length > 0 && !asks)
    throw new RunnerError('USAGE', `without a terminal init needs every answer as a flag; missing: ${missing.join(', ')}`)
  const key = await apiKeyOf(flags, io)
  const answers =
    missing.length > 0 ? await ask(target, given, key, flags, io) : { target: target as 'user' | 'project', settings: given, key }
  if (answers.settings.tracker === 'embedded') delete answers.settings.apiUrl
  const written = await writeAnswers(answers, places)

  if (flags.json) io.stdout.write(`${JSON.stringify({ written })}\n`)
  else for (const path of written) io.stdout.write(`written: ${path}\n`)
  if (!flags.json) io.stdout.write('next: agent-runner doctor\n')
}

/** The flags that would answer what is still open. */
function unanswered(target: unknown, given: Partial<Record<Key, unknown>>, flags: Flags, env: NodeJS.ProcessEnv): string[] {
  const isEmbedded = given.tracker === 'embedded'
  const open = INIT_KEYS.filter(key => given[key] === undefined && !(key === 'apiUrl' && isEmbedded)).map(key => String(flagName(key)))
  const keyKnown =
    isEmbedded || flags.apiKey === false || flags.apiKeyFile !== undefined || flags.yes || setting('apiKey').env.some(name => env[name])
  return [...(target === undefined ? ['--target'] : []), ...open, ...(keyKnown ? [] : ['--api-key-file (or --no-api-key)'])]
}

async function ask(target: unknown, given: Partial<Record<Key, unknown>>, key: string | null, flags: Flags, io: CommandIo) {
  try {
    const prompts = await openPrompts(z, io)
    const chosen = (target ?? (await prompts.target())) as 'user' | 'project'
    const settings = { ...given }
    for (const name of INIT_KEYS) {
      if (name === 'apiUrl' && settings.tracker === 'embedded') continue
      settings[name] ??= checkedFlag(z, name, await prompts.setting(name, usual(name, flags)))
    }
    const keyOpen = settings.tracker !== 'embedded' && key === null && flags.apiKey !== false && !flags.yes
    return { target: chosen, settings, key: keyOpen ? (await prompts.apiKey()).trim() || null : key }
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'ExitPromptError') throw new RunnerError('ABORTED', 'left; nothing was written')
    throw asRunnerError(thrown)
  }
}

/** What is offered, or taken with --yes. Who gives an address or a key means a server. */
function usual(key: InitKey, flags: Flags): string | null {
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
