import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { vi } from 'vitest'
import { tempFolder } from './temp.ts'

/** Does some work, and answers with the git commands that this process started for it, by the word that names each. */
export async function gitStarts(work: () => Promise<unknown>): Promise<string[]> {
  const folder = tempFolder()
  const calls = join(folder, 'calls')
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim()
  const script = `#!/bin/sh
for word; do [ "$skip" = yes ] && skip=no && continue; case $word in -c) skip=yes;; -*) ;; *) break;; esac; done
echo "$word" >>'${calls}'
exec '${real}' "$@"
`
  writeFileSync(join(folder, 'git'), script, { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
  try {
    await work()
  } finally {
    vi.unstubAllEnvs()
  }
  return existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []
}
