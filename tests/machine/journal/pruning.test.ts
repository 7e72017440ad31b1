import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newRunId } from '../../../src/core/ids.ts'
import { lockFilePath } from '../../../src/machine/journal/lock-file.ts'
import { pruneHalfClones } from '../../../src/machine/journal/old-files.ts'
import { pruneRuns, pruneWhenDue } from '../../../src/machine/journal/pruning.ts'
import { openStateFolder } from '../../../src/machine/locks/state-folder.ts'
import { tempFolder } from '../../support/temp.ts'
import { unfinished } from '../../support/unfinished.ts'
import { waitFor } from '../../support/wait-for.ts'

const DAY = 86_400_000
const MB = 1024 ** 2
const GENEROUS = { olderThanMs: 30 * DAY, bytes: 2048 * MB }

function stateFolder() {
  const home = tempFolder()
  openStateFolder(home, [])
  const runs = join(home, 'runs')
  /** A run that ended so many days ago; without a result when `result` is null. */
  const addRun = (daysAgo: number, { kb = 1, result = {} as object | null } = {}) => {
    const id = newRunId()
    const attempt = join(runs, id, 'attempts/1')
    mkdirSync(attempt, { recursive: true })
    writeFileSync(join(attempt, 'stdout.jsonl'), Buffer.alloc(kb * 1024, 'x'))
    if (result) writeFileSync(join(runs, id, 'result.json'), JSON.stringify({ kept: null, ...result }))
    const at = Date.now() / 1000 - daysAgo * 86_400
    for (const name of readdirSync(join(runs, id), { recursive: true, encoding: 'utf8' })) utimesSync(join(runs, id, name), at, at)
    utimesSync(join(runs, id), at, at)
    return id
  }
  const left = () => readdirSync(runs).filter(name => name.startsWith('run_'))
  const hidden = () => readdirSync(runs).filter(name => name.startsWith('.trash'))
  return { home, runs, addRun, left, hidden }
}

test('runs that ended long ago go, later ones stay', async () => {
  const { home, addRun, left } = stateFolder()
  const [old, older, recent] = [addRun(31), addRun(90), addRun(29)]
  const unended = addRun(31, { result: null })
  expect(await pruneRuns(home, GENEROUS)).toEqual({ runs: [older, old, unended], problem: null })
  expect(left()).toEqual([recent])
})

test('above the size the runs that ended first go, and one flooded output counts as what it takes', async () => {
  const { home, addRun, left } = stateFolder()
  const [first, flooded, third, last] = [addRun(4), addRun(3, { kb: 4096 }), addRun(2), addRun(1)]
  expect((await pruneRuns(home, { ...GENEROUS, bytes: 5 * MB })).runs).toEqual([])
  expect((await pruneRuns(home, { ...GENEROUS, bytes: 1 * MB })).runs).toEqual([first, flooded])
  expect(left()).toEqual([third, last].sort())
})

test('a run that a lock file names stays, however old and large; so does one that was moved away or set aside', async () => {
  const { home, addRun, left } = stateFolder()
  const held = [addRun(400, { kb: 2048 }), addRun(400), addRun(400)]
  const gone = addRun(400)
  for (const [n, run] of held.entries()) unfinished(home, `dev_00${n}`, run)
  mkdirSync(join(home, 'locks/released'))
  renameSync(lockFilePath(home, 'dev_001'), join(home, 'locks/released/agent-dev_001-20260101.lock'))
  renameSync(lockFilePath(home, 'dev_002'), `${lockFilePath(home, 'dev_002')}.unreadable-1`)
  expect(await pruneRuns(home, { olderThanMs: 0, bytes: 0 })).toEqual({ runs: [gone], problem: null })
  expect(left()).toEqual([...held].sort())
})

test('while a lock file cannot be read no run is deleted, and it says why', async () => {
  const { home, addRun, left } = stateFolder()
  addRun(400)
  writeFileSync(lockFilePath(home, 'dev_001'), '{"half')
  const { runs, problem } = await pruneRuns(home, GENEROUS)
  expect({ runs, left: left().length }).toEqual({ runs: [], left: 1 })
  expect(problem).toContain(lockFilePath(home, 'dev_001'))
})

test('while a lock file that names no run lies aside, only runs that have ended are deleted', async () => {
  const { home, addRun, left } = stateFolder()
  const [ended, unended] = [addRun(400), addRun(400, { result: null })]
  writeFileSync(`${lockFilePath(home, 'dev_001')}.unreadable-1`, '\0\0\0')
  expect((await pruneRuns(home, GENEROUS)).runs).toEqual([ended])
  expect(left()).toEqual([unended])
})

test('a run whose kept workspace is still there stays until that is gone', async () => {
  const { home, addRun, left } = stateFolder()
  const kept = join(home, 'worktree')
  mkdirSync(kept)
  const run = addRun(400, { result: { kept } })
  expect((await pruneRuns(home, { olderThanMs: 0, bytes: 0 })).runs).toEqual([])
  rmSync(kept, { recursive: true })
  expect((await pruneRuns(home, GENEROUS)).runs).toEqual([run])
  expect(left()).toEqual([])
})

test('what is no run is left alone, and nothing behind a link is touched', async () => {
  const { home, runs, addRun } = stateFolder()
  const elsewhere = tempFolder()
  writeFileSync(join(elsewhere, 'precious'), '')
  const run = addRun(400)
  symlinkSync(elsewhere, join(runs, run, 'link'))
  symlinkSync(elsewhere, join(runs, newRunId()))
  mkdirSync(join(runs, 'notes'))
  writeFileSync(join(runs, newRunId()), 'a file')
  expect((await pruneRuns(home, { olderThanMs: 0, bytes: 0 })).runs).toEqual([run])
  expect(existsSync(join(elsewhere, 'precious'))).toBe(true)
  expect(readdirSync(runs)).toHaveLength(3)
})

test('runs from the future, as a wrong clock leaves them, are not too old', async () => {
  const { home, addRun, left } = stateFolder()
  addRun(-400)
  await pruneRuns(home, GENEROUS)
  expect(left()).toHaveLength(1)
})

test('it is done at most once an hour, and again after the clock went back', async () => {
  const { home, addRun } = stateFolder()
  const now = Date.now()
  expect((await pruneWhenDue(home, GENEROUS, now))?.runs).toEqual([])
  const run = addRun(400)
  expect(await pruneWhenDue(home, GENEROUS, now + 3_000_000)).toBeNull()
  expect((await pruneWhenDue(home, GENEROUS, now + 3_600_000))?.runs).toEqual([run])
  expect(await pruneWhenDue(home, GENEROUS, now - 400 * DAY)).not.toBeNull()
})

function prune(home: string): ChildProcess {
  const program = new URL('../../support/prune-program.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, home, '0', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function answer(child: ChildProcess): Promise<{ runs: string[]; problem: string | null }> {
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', part => (text += part))
  await once(child, 'close')
  return JSON.parse(text.split('\n')[1]!)
}

test('killed in the middle it leaves whole runs, and the next one clears up behind it', async () => {
  for (const atMost of [150, 145, 100, 20]) {
    const { home, runs, addRun, left, hidden } = stateFolder()
    for (let n = 0; n < 150; n++) addRun(n)
    const child = prune(home)
    // It may also be done before it is killed.
    const exited = once(child, 'exit')
    await once(child.stdout!, 'data')
    await waitFor('deleting so many', () => left().length <= atMost)
    child.kill('SIGKILL')
    await exited
    for (const run of left()) expect(readdirSync(join(runs, run)).sort()).toEqual(['attempts', 'result.json'])
    mkdirSync(join(runs, `.trash-${newRunId()}-1/attempts`), { recursive: true })
    expect((await pruneRuns(home, GENEROUS)).problem).toBeNull()
    expect(hidden()).toEqual([])
  }
})

test('several at once delete each run once and do not get in the way of each other', async () => {
  const { home, addRun, left, hidden } = stateFolder()
  const all = Array.from({ length: 200 }, (_, n) => addRun(n))
  const answers = await Promise.all([prune(home), prune(home), prune(home)].map(answer))
  expect(answers.map(({ problem }) => problem)).toEqual([null, null, null])
  expect(answers.flatMap(({ runs }) => runs).sort()).toEqual([...all].sort())
  expect([left(), hidden()]).toEqual([[], []])
})

test('halves of clones go when no lock file names their run; whole clones, and halves of runs that are not over, stay', async () => {
  const { home } = stateFolder()
  const clones = join(home, 'clones', 'repo-1')
  const [gone, held] = [newRunId(), newRunId()]
  const names = [`.making-${gone}`, `.going-${gone}`, `.making-${held}`, `.going-${held}`, 'task-7']
  for (const name of names) {
    mkdirSync(join(clones, name, '.git'), { recursive: true })
    writeFileSync(join(clones, name, '.git', 'HEAD'), 'x')
  }
  unfinished(home, 'dev_001', held)
  await pruneHalfClones(home)
  expect(readdirSync(clones).sort()).toEqual([`.going-${held}`, `.making-${held}`, 'task-7'])
  rmSync(lockFilePath(home, 'dev_001'))
  await pruneHalfClones(home)
  expect(readdirSync(clones)).toEqual(['task-7'])
})
