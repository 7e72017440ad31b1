import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lockFilePath, openJournal } from '../../../src/machine/journal/lock-file.ts'
import { aRun, attempts } from '../../support/records.ts'
import { tempFolder } from '../../support/temp.ts'

function stage() {
  const home = tempFolder()
  mkdirSync(join(home, 'locks'))
  return { home, journal: openJournal(home, 'dev_001'), path: lockFilePath(home, 'dev_001') }
}

test('what was saved is loaded again, whole', () => {
  const { journal, path } = stage()
  const record = aRun({
    attempts: attempts('crashed', null),
    notBefore: { until: 5, noted: { at: 1, boot: 'b', uptime: 2.5 } },
    mentions: ['1'],
  })
  journal.save(record)
  expect(journal.load()).toEqual({ record, setAside: null })
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a lock file from before waits were noted on both clocks is loaded with its wait', () => {
  const { journal, path } = stage()
  journal.save(aRun({ notBefore: { until: 5, noted: { at: 1, boot: 'b', uptime: 2.5 } } }))
  const { not_before_noted: _, ...older } = JSON.parse(readFileSync(path, 'utf8'))
  expect(older.not_before).toBe(5)
  writeFileSync(path, JSON.stringify(older))
  expect(journal.load().record?.notBefore).toEqual({ until: 5, noted: null })
})

test('what is saved beside other work is there at once, and so is what is saved right after it', () => {
  const { journal, path } = stage()
  for (const mentions of [['1'], ['2'], ['3']]) {
    journal.save(aRun({ mentions }), mentions[0] === '3' ? 'before' : 'beside')
    expect(journal.load().record?.mentions).toEqual(mentions)
  }
  journal.save(aRun({ mentions: ['4'] }), 'beside')
  journal.remove()
  expect(existsSync(path)).toBe(false)
})

test('the seven keys that existing tools read are there', () => {
  const { journal, path } = stage()
  journal.save(aRun())
  const file = JSON.parse(readFileSync(path, 'utf8'))
  expect(file).toMatchObject({ task_id: '7', task_title: 'Make it so', agent_id: 'dev_001', worktree_path: null, branch_name: null })
  expect(file.locked_at).toBeTypeOf('string')
  expect(file.task_data.description).toBe('All of it.')
})

test('removing twice is the same as removing once', () => {
  const { journal, path } = stage()
  journal.save(aRun())
  journal.remove()
  journal.remove()
  expect(existsSync(path)).toBe(false)
  expect(journal.load()).toEqual({ record: null, setAside: null })
})

test('a lock file of the older runner is continued: its task, its branch, its worktree', () => {
  const { journal, path } = stage()
  const older = {
    task_id: 42,
    task_title: 'Old task',
    agent_id: 'dev_001',
    locked_at: '2025-06-01T10:00:00',
    worktree_path: '/repo/.worktrees/task-42',
    branch_name: 'feature/task-42',
    task_data: {
      id: 42,
      title: 'Old task',
      description: 'text',
      target_role: 'backend_dev',
      difficulty: 'junior',
      complexity: 'major',
      status: 'under_work',
    },
  }
  writeFileSync(path, JSON.stringify(older))
  const { record } = journal.load()
  expect(record).toMatchObject({
    task: { id: '42', title: 'Old task', seniority: 'junior', complexity: 'major', status: 'created', branch: 'feature/task-42' },
    steps: [],
    inherited: { path: '/repo/.worktrees/task-42', branch: 'feature/task-42' },
  })
})

describe('a lock file that cannot be trusted is set aside whole and named, never deleted', () => {
  const good = () => {
    const { journal, path } = stage()
    journal.save(aRun())
    return readFileSync(path, 'utf8')
  }
  const cases: Record<string, (path: string) => void> = {
    empty: path => writeFileSync(path, ''),
    cut: path => writeFileSync(path, good().slice(0, 200)),
    binary: path => writeFileSync(path, Buffer.from([0, 255, 1, 254])),
    'of another agent': path => writeFileSync(path, good().replaceAll('dev_001', 'dev_002')),
    'of a newer version': path => writeFileSync(path, good().replace('"version": 1', '"version": 2')),
    'with a run id that is a path': path => writeFileSync(path, good().replace('run_01h455vb4pex5vsknk084sn02q', '../../etc')),
    'a link': path => {
      writeFileSync(`${path}.target`, good())
      symlinkSync(`${path}.target`, path)
    },
    'writable by everybody': path => {
      writeFileSync(path, good())
      chmodSync(path, 0o666)
    },
  }
  for (const [name, make] of Object.entries(cases))
    test(name, () => {
      const { home, journal, path } = stage()
      make(path)
      const { record, setAside } = journal.load()
      expect(record).toBeNull()
      expect(setAside).toContain('unreadable-1')
      expect(existsSync(path)).toBe(false)
      expect(readdirSync(join(home, 'locks'))).toContain('agent-dev_001.lock.unreadable-1')
    })
})

test('a lock file that the system does not let us read now is an error, and stays where it is', () => {
  const { home, journal, path } = stage()
  journal.save(aRun())
  chmodSync(path, 0)
  const root = process.getuid?.() === 0
  // Root reads everything; somebody else does not.
  for (const folder of root ? [home, join(home, 'locks')] : []) chmodSync(folder, 0o755)
  try {
    if (root) process.seteuid!(65_534)
    expect(() => journal.load()).toThrow('cannot be read now')
  } finally {
    if (root) process.seteuid!(0)
  }
  expect(existsSync(path)).toBe(true)
})

test('temporary files of a killed save are cleared away', () => {
  const { home, journal } = stage()
  writeFileSync(join(home, 'locks', '.agent-dev_001.lock.123.abcd.tmp'), 'half')
  journal.load()
  expect(readdirSync(join(home, 'locks'))).toEqual([])
})
