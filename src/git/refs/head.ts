import { join } from 'node:path'
import { plainText } from '../../machine/files/plain-file.ts'
import { commonOf, refsAreFiles } from '../repository.ts'

const HASH = /^([0-9a-f]{40}|[0-9a-f]{64})$/

/** The commit at which a checkout stands, as its files say; null where only git can tell. */
export function headOfFiles(gitDir: string): string | null {
  const commonDir = commonOf(gitDir)
  if (commonDir === null || !refsAreFiles({ commonDir })) return null
  const head = plainText(join(gitDir, 'HEAD'))?.trim() ?? ''
  const ref = /^ref: (refs\/heads\/.+)$/.exec(head)?.[1]
  const commit = ref === undefined ? head : (plainText(join(commonDir, ref))?.trim() ?? '')
  return HASH.test(commit) ? commit : null
}
