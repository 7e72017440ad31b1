import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pruneWhenDue } from '../../../src/machine/journal/pruning.ts'
import { openStateFolder } from '../../../src/machine/locks/state-folder.ts'
import { tempFolder } from '../../support/temp.ts'

const DAY = 86_400_000
const LIMITS = { olderThanMs: 30 * DAY, bytes: 2 ** 31 }

function stateFolder() {
  const home = tempFolder()
  openStateFolder(home, [])
  mkdirSync(join(home, 'locks/released'))
  const add = (name: string, text: string, daysAgo: number) => {
    writeFileSync(join(home, name), text)
    const at = Date.now() / 1000 - daysAgo * 86_400
    utimesSync(join(home, name), at, at)
  }
  return { home, add }
}

test('lock files that were moved away go when they are old, but for those that name work which is still there or cannot be read', async () => {
  const { home, add } = stateFolder()
  const lock = (worktree: string | null) => JSON.stringify({ worktree_path: worktree })
  add('locks/released/old.lock', lock(null), 31)
  add('locks/released/gone.lock', lock('/nowhere/task-1'), 31)
  add('locks/released/kept.lock', lock(home), 31)
  add('locks/released/broken.lock', '{"ver', 31)
  add('locks/released/recent.lock', lock(null), 29)
  await pruneWhenDue(home, LIMITS)
  expect(readdirSync(join(home, 'locks/released')).sort()).toEqual(['broken.lock', 'kept.lock', 'recent.lock'])
})

test('metrics begin anew when they are large, with the file before kept, and go when they are old', async () => {
  const { home, add } = stateFolder()
  add('metrics.jsonl', '{"n":1}\n'.repeat(2 ** 20 + 1), 0)
  add('metrics.1.jsonl', 'the one before', 1)
  await pruneWhenDue(home, LIMITS)
  expect(existsSync(join(home, 'metrics.jsonl'))).toBe(false)
  expect(readFileSync(join(home, 'metrics.1.jsonl'), 'utf8')).toMatch(/^\{"n":1\}\n/)
  add('metrics.jsonl', 'small', 1)
  await pruneWhenDue(home, LIMITS, Date.now() + 2 * DAY)
  expect(readdirSync(home).filter(name => name.startsWith('metrics'))).toEqual(['metrics.1.jsonl', 'metrics.jsonl'])
  await pruneWhenDue(home, LIMITS, Date.now() + 40 * DAY)
  expect(readdirSync(home).filter(name => name.startsWith('metrics'))).toEqual([])
})
