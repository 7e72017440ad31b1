import { LIMITS, limitWords } from '../../core/limits.ts'
import { keepSecret, secretsOfFile } from '../../core/redaction.ts'
import { readPlainFile } from '../../machine/files/plain-file.ts'
import type { Problem, SourceKind } from '../source.ts'

/** A file as it was read, once: what is hashed is what is parsed. */
export interface ReadFile {
  path: string
  bytes: Buffer
  text: string
}

/**
 * A file's text and bytes; null when there is none. Anything else of that name is a problem, since somebody may rely on its content. But
 * `.env` is a folder in many Python projects.
 */
export function readTextFile(path: string, kind: SourceKind, problems: Problem[]): ReadFile | null {
  const problem = (says: string) => {
    problems.push({ kind, message: `${path}: ${says}` })
    return null
  }
  try {
    const read = readPlainFile(path, LIMITS.settingsFile.most)
    if (read.is === 'absent' || (read.is === 'folder' && kind === 'dotenv')) return null
    if (read.is === 'large') return problem(`is larger than ${limitWords('settingsFile')}`)
    if (read.is !== 'file') return problem(read.says)
    const text = read.bytes.toString('utf8').replace(/^\uFEFF/, '')
    // Do this before it is parsed, because a message about a mistake may quote it.
    keepSecret(secretsOfFile(text))
    return { path, bytes: read.bytes, text }
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException
    return problem(`cannot be read (${code ?? message})`)
  }
}
