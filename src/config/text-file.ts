import { readFileSync, statSync } from 'node:fs'
import type { Problem, SourceKind } from './source.ts'

/** A file's text; null when there is none, or something else of that name (`.env` is a folder in many Python projects). */
export function readTextFile(path: string, kind: SourceKind, problems: Problem[]): string | null {
  try {
    if (!statSync(path).isFile()) return null
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') problems.push({ kind, message: `${path}: cannot be read (${code ?? message})` })
    return null
  }
}
