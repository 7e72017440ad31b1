import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import type { Repository } from '../git/repository.ts'
import { plainText } from '../machine/files/plain-file.ts'

/**
 * Keeps a folder of ours out of git by one line in `info/exclude`, when it lies inside the checkout. Calling it twice is the same as
 * once.
 */
export function excludeFolder(repository: Repository, folder: string): void {
  const path = relative(repository.root, folder)
  if (repository.bare || path === '' || path === '..' || path.startsWith(`..${sep}`) || path.startsWith(sep)) return
  const line = `/${path
    .split(sep)
    .join('/')
    .replace(/[\\*?[\]]/g, '\\$&')
    .replace(/ $/, '\\ ')}/`
  const file = join(repository.commonDir, 'info', 'exclude')
  const text = plainText(file) ?? ''
  if (text.split(/\r?\n/).includes(line)) return
  mkdirSync(dirname(file), { recursive: true })
  appendFileSync(file, `${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`)
}
