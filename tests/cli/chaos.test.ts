import { chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { leftBehind, lostWork, notToldOnce } from '../../src/cli/chaos/findings.ts'
import { rounds } from '../../src/cli/chaos/plan.ts'
import { chanceOf } from '../../src/cli/chaos/random.ts'
import { chaos } from '../../src/cli/chaos/run.ts'
import { FAULT_POINTS } from '../../src/cli/compose/fault.ts'
import { commandIo } from '../support/command-io.ts'
import { git, gitRepo, writeFiles } from '../support/git-repo.ts'
import { SELF } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'

const never = new AbortController().signal

/** Runs `chaos` in this process on a program, with its throwaway folder in ours. */
async function run(flags: Parameters<typeof chaos>[0], self = SELF, signal = never) {
  const home = tempFolder()
  const io = commandIo(home)
  const exitCode = await chaos({ unfinished: '0', ...flags }, io, signal, self)
  return { exitCode, text: io.stdout.text(), document: () => JSON.parse(io.stdout.text()) }
}

/** A program that is ours but for some lines of shell, which see its words as "$@". */
function flawed(lines: string): string[] {
  const path = join(tempFolder(), 'flawed')
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = run ]; then\n${lines}\nfi\nexec ${SELF.join(' ')} "$@"\n`)
  chmodSync(path, 0o755)
  return [path]
}

const failed = (document: { promises: { name: string; failed: number }[] }) =>
  document.promises.filter(promise => promise.failed > 0).map(promise => promise.name)

test('a short run with a seed holds, says what it measured and removes its folder', async () => {
  const { exitCode, document } = await run({ cases: '3', seed: '5', unfinished: '2', json: true })
  const outcome = document()
  expect(outcome.findings).toEqual([])
  expect(exitCode).toBe(0)
  expect(outcome).toMatchObject({ ok: true, seed: 5, cases: 3, askedAgain: 0, bytesLost: 0, kept: null, many: { runs: 2 } })
  expect(outcome.strikes).toBeGreaterThan(0)
  expect(outcome.promises).toHaveLength(8)
  for (const promise of outcome.promises) expect(promise.checked, promise.name).toBeGreaterThan(0)
})

test('a runner that loses what the agent wrote is found out, and the folder is kept', async () => {
  // Before every start, what is in the worktrees and on the branches is thrown away.
  const loses = flawed(`cd "$HEADLESS_PM_HOME/../repository" || exit
  for tree in .worktrees/*; do [ -d "$tree" ] && git worktree remove -f -f "$tree"; done
  git for-each-ref --format='%(refname)' refs/heads/feature refs/agent-runner | while read -r ref; do git update-ref -d "$ref"; done
  git update-ref refs/heads/main "$(git rev-list --max-parents=0 main)"; git reset -q --hard; git clean -fdq`)
  // The first start of a case is killed in the middle, so that there is something to lose at the second.
  const { exitCode, document } = await run({ cases: '2', seed: String(seedThatKillsAtWork()), json: true }, loses)
  const outcome = document()
  expect(exitCode).toBe(1)
  expect(failed(outcome)).toContain('kept')
  expect(outcome.bytesLost).toBeGreaterThan(0)
  expect(existsSync(outcome.kept)).toBe(true)
  removed(outcome.kept)
})

test('a runner that ends with a code that is documented nowhere is found out', async () => {
  const { document, exitCode } = await run(
    { cases: '1', seed: '5', json: true },
    flawed(`${SELF.join(' ')} "$@"; [ $? = 14 ] && exit 3; exit 99`),
  )
  const outcome = document()
  expect(exitCode).toBe(1)
  expect(failed(outcome)).toEqual(expect.arrayContaining(['exits', 'twice']))
  removed(outcome.kept)
})

test('the same seed gives the same plan, and a round through the deck has every fault point', () => {
  const plan = (seed: number) => rounds(chanceOf(seed)).take(60).toArray()
  expect(plan(3)).toEqual(plan(3))
  expect(plan(3)).not.toEqual(plan(4))
  const points = plan(3).flatMap(cases =>
    cases.flatMap(({ strikes }) => strikes.flatMap(strike => (strike.kind === 'point' ? strike.point : []))),
  )
  expect(new Set(points)).toEqual(new Set(FAULT_POINTS))
})

test.for([1, 2, 4, 5, 6])(
  'ended before its time, at start %i of a runner, it leaves nothing and says so by its exit code',
  async starts => {
    const user = new AbortController()
    const home = tempFolder()
    const io = commandIo(home)
    const ended = chaos({ minutes: '5', seed: '1', unfinished: '0' }, io, user.signal, SELF)
    const folder = await waitFor('a place', () => /everything is in (\S+)/.exec(io.stdout.text())?.[1])
    const logs = join(folder, 'logs')
    await waitFor(`start ${starts}`, () => readdirSync(logs).length >= starts)
    user.abort()
    expect(await ended).toBe(12)
    expect(io.stdout.text()).not.toContain('NOT HELD')
    expect(existsSync(folder)).toBe(false)
  },
)

test.for([{ cases: '0' }, { cases: 'many' }, { cases: '1.5' }, { seed: '-1' }, { minutes: '' }, { unfinished: '1e9' }])(
  'a number that makes no sense is refused before anything is made: %o',
  async flags => {
    await expect(run(flags)).rejects.toMatchObject({ code: 'USAGE' })
  },
)

test('a line that is only in the reflog is lost; on a branch, under our refs or in a file it is not', () => {
  const repo = gitRepo()
  const written = ['branch', 'ref', 'file', 'reflog'].map(name => ({ file: name, text: `in the ${name}` }))
  for (const name of ['branch', 'ref', 'reflog']) {
    git(repo, 'checkout', '-q', '--detach', 'main')
    writeFiles(repo, { [name]: `in the ${name}\n` })
    git(repo, 'add', '-A')
    git(repo, 'commit', '-qm', name)
    if (name === 'branch') git(repo, 'branch', 'feature/x')
    if (name === 'ref') git(repo, 'update-ref', 'refs/agent-runner/run_x/1', 'HEAD')
  }
  git(repo, 'checkout', '-q', 'main')
  writeFiles(repo, { file: 'in the file\n' })
  expect(lostWork(repo, written)).toEqual([{ file: 'reflog', text: 'in the reflog' }])
})

test('what is left behind is named', () => {
  const repo = gitRepo()
  const home = tempFolder()
  expect(leftBehind(home, repo)).toEqual([])
  writeFiles(home, { 'locks/agent-a.lock': '', 'runs/r/.x.tmp': '' })
  writeFiles(repo, { '.git/index.lock': '', new: '' })
  git(repo, 'worktree', 'add', '-q', join(home, 'tree'))
  expect(leftBehind(home, repo).join('\n')).toMatch(/agent-a\.lock.*\.x\.tmp.*tree is left.*index\.lock.*\?\? new/s)
})

test('a task that was told twice, is held, or rests in the wrong place is named', () => {
  const well = { status: 'dev_done', holder: null, notes: 'agent-runner logs run_1', moves: ['created', 'under_work', 'dev_done'] }
  expect(notToldOnce(well, ['dev_done'])).toEqual([])
  expect(notToldOnce({ ...well, status: 'created' }, ['dev_done'])).not.toEqual([])
  expect(notToldOnce({ ...well, holder: 'a' }, ['dev_done'])).toEqual(['a holds it'])
  expect(notToldOnce({ ...well, notes: well.notes.repeat(2) }, ['dev_done'])).toEqual(['it has 2 notes of 1 ends'])
  const back = { ...well, status: 'pending', moves: ['created', 'under_work', 'created', 'under_work', 'pending'] }
  expect(notToldOnce({ ...back, notes: well.notes.repeat(2) }, ['dev_done', 'pending'])).toEqual([])
  expect(notToldOnce(back, ['dev_done', 'pending'])).toEqual(['it has 1 notes of 2 ends'])
  expect(notToldOnce({ ...well, moves: ['dev_done', 'dev_done'] }, ['dev_done'])).toEqual(['it was moved to dev_done 2 times'])
})

/** A seed whose first two cases begin by killing a runner whose agent has done something. */
function seedThatKillsAtWork(): number {
  for (let seed = 0; ; seed++) {
    const cases = rounds(chanceOf(seed)).next().value.slice(0, 2)
    if (cases.every(({ strikes: [first] }) => first?.kind === 'kill' && first.victims[0] === 'runner' && first.piece > 1)) return seed
  }
}

function removed(folder: string): void {
  expect(folder).toContain('agent-runner-chaos-')
  rmSync(folder, { recursive: true })
}
