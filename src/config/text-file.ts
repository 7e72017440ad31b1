import { readFileSync, statSync } from 'node:fs'
import { LIMITS, limitWords } from '../core/limits.ts'
import { keepSecret, secretsOfFile } from '../core/redaction.ts'
import type { Problem, SourceKind } from './source.ts'

/** A file as it was read, once: what is hashed is what is parsed. */
export interface ReadFile {
  path: string
  bytes: Buffer
  text: string
}

/** A file's text and bytes; null when there is none, or something else of that name (`.env` is a folder in many Python projects). */
export function readTextFile(path: string, kind: SourceKind, problems: Problem[]): ReadFile | null {
  try {
    const entry = statSync(path)
    if (!entry.isFile()) return null
    if (entry.size > LIMITS.settingsFile.most) {
      problems.push({ kind, message: `${path}: is larger than ${limitWords('settingsFile')}` })
      return null
    }
    const bytes = readFileSync(path)
    const text = bytes.toString('utf8').replace(/^\uFEFF/, '')
    // Before it is parsed: a message about what is wrong with it may quote it.
    keepSecret(secretsOfFile(text))
    return { path, bytes, text }
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') problems.push({ kind, message: `${path}: cannot be read (${code ?? message})` })
    return null
  }
}
