import { KEYS, type Key, setting } from '../schema.ts'
import { envNames } from '../setting.ts'
import type { Found, Problem } from '../source.ts'
import { type ReadFile, readTextFile } from './text-file.ts'

export interface DotEnv {
  file: ReadFile
  values: Record<string, string>
  lines: Record<string, number>
}

/**
 * What `.env` in a repository says; null without one, and for one that cannot be read as a file, with why. It is only parsed: nothing gets
 * into this process's environment.
 */
export async function readDotEnv(path: string, faults: Problem[]): Promise<DotEnv | null> {
  const file = readTextFile(path, 'dotenv', faults)
  if (file === null) return null
  const { parse } = await import('dotenv')
  const lines: Record<string, number> = {}
  for (const [i, line] of file.text.split(/\r?\n/).entries()) {
    const name = /^\s*(?:export\s+)?([\w.-]+)\s*[=:]/.exec(line)?.[1]
    if (name) lines[name] = i + 1
  }
  return { file, values: parse(file.text), lines }
}

/**
 * The settings that the environment carries. As everywhere with `.env`, it fills in only names that the real environment does not
 * have; then the first name of each setting wins. An empty value counts as not set.
 */
export function fromEnvironment(env: NodeJS.ProcessEnv, dotenv: DotEnv | null): Map<Key, Found> {
  const found = new Map<Key, Found>()
  for (const key of KEYS) {
    const row = setting(key)
    for (const name of envNames(row)) {
      const real = env[name]
      const raw = real || (row.env.includes(name) ? dotenv?.values[name] : undefined)
      if (!raw) continue
      const source = real
        ? { kind: 'environment' as const, name, path: null, line: null }
        : { kind: 'dotenv' as const, name, path: dotenv?.file.path ?? null, line: dotenv?.lines[name] ?? null }
      found.set(key, { raw, asText: true, source })
      break
    }
  }
  return found
}
