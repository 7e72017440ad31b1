import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { builtInHook } from '../../../src/cli/compose/built-in-hooks.ts'
import { newRunId } from '../../../src/core/ids.ts'
import { openHooks } from '../../../src/machine/hooks/hooks.ts'
import { groupPlace, groupsIn, removeGroup, runGroup } from '../../../src/machine/process/groups.ts'
import { agentTag, endTagged, identify, isAlive, RUN_TAG, taggedProcesses } from '../../../src/machine/process/processes.ts'
import { startChild } from '../../../src/machine/process/start-child.ts'
import { canAdoptOrphans } from '../../../src/machine/process/subreaper.ts'
import { agentProgram, RESULT_LINE } from '../../support/agent-program.ts'
import { hookDocument } from '../../support/hook-document.ts'
import { sleepingAgent } from '../../support/sleeping-agent.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

const groups = groupPlace()
const never = new AbortController().signal

/** Ways out of a process tree; each writes the pid of what it leaves behind. */
const ESCAPES: [string, (file: string) => string][] = [
  [
    'drops its environment and begins a session',
    file => `env -i setsid sh -c 'echo $$ >${file}; exec sleep 600' </dev/null >/dev/null 2>&1 &`,
  ],
  ['forks twice', file => `(env -i setsid sh -c 'env -i sh -c "echo \\$\\$ >${file}; exec sleep 600" &' &) </dev/null >/dev/null 2>&1`],
  [
    'ignores all signals',
    file => `env -i nohup setsid sh -c 'trap "" HUP INT TERM; echo $$ >${file}; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &`,
  ],
  [
    'becomes another user',
    file =>
      `env -i setsid setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'exec sleep 600' </dev/null >/dev/null 2>&1 & echo $! >${file}`,
  ],
  ['leaves its folder and closes its files', file => `env -i setsid sh -c 'cd /; exec <&- >&- 2>&-; echo $$ >${file}; exec sleep 600' &`],
]

async function pidIn(file: string) {
  const pid = await waitFor('the one that got away', () => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0))
  const identity = identify(pid)!
  onTestFinished(() => {
    if (isAlive(identity)) process.kill(pid, 'SIGKILL')
  })
  return identity
}

test.runIf(groups)('what a process starts is in its group from its first moment, and the group goes with it', async () => {
  const runId = newRunId()
  const group = runGroup(runId, 'dev_001@/home')
  const file = join(tempFolder(), 'pid')
  startChild({ need: 'command', file: '/bin/sh', args: ['-c', ESCAPES[0]![1](file)], hold: [group] }, 'ignore')
  const escaped = await pidIn(file)
  expect(groupsIn(readFileSync(`/proc/${escaped.pid}/cgroup`, 'utf8'))).toContain(group)
  expect(taggedProcesses(RUN_TAG, runId, 'dev_001@/home').map(({ pid }) => pid)).toEqual([escaped.pid])
  expect(taggedProcesses(RUN_TAG, runId).map(({ pid }) => pid)).toEqual([escaped.pid])
  expect(taggedProcesses(RUN_TAG, runId, 'dev_002@/home')).toEqual([])
  await removeGroup([group])
  expect(isAlive(escaped)).toBe(true)
  await endTagged(RUN_TAG, runId, 0)
  expect(isAlive(escaped)).toBe(false)
  await removeGroup([group])
  expect(existsSync(join(groups!, group))).toBe(false)
})

test.runIf(groups).for(ESCAPES.filter(([name]) => process.getuid?.() === 0 || name !== 'becomes another user'))(
  'an agent whose child %s leaves nothing behind',
  async ([, way]) => {
    const home = tempFolder()
    const file = join(home, 'pid')
    const runId = newRunId()
    const supervision = await sleepingAgent(
      home,
      runId,
      `${way(file)}\nwhile ! [ -e ${home}/go ]; do sleep 0.05; done\necho '${RESULT_LINE}'`,
    )
    const escaped = await pidIn(file)
    writeFileSync(join(home, 'go'), '')
    expect(await supervision.follow(runId, 1, () => {}, never)).toMatchObject({ code: 0 })
    await supervision.sweep(runId)
    expect(isAlive(escaped)).toBe(false)
    expect(existsSync(join(groups!, runGroup(runId, agentTag('dev_001', home))))).toBe(false)
  },
)

test.runIf(groups)('what an agent left is found when runner and supervisor were killed', async () => {
  const home = tempFolder()
  const file = join(home, 'pid')
  const runId = newRunId()
  const supervision = await sleepingAgent(home, runId, `${ESCAPES[0]![1](file)}\nexec sleep 600`)
  const escaped = await pidIn(file)
  for (const row of taggedProcesses(RUN_TAG, runId)) if (row.pid !== escaped.pid) process.kill(row.pid, 'SIGKILL')
  await waitFor('the supervisor is gone', () => supervision.inspect(runId, 1).state === 'gone')
  expect(isAlive(escaped)).toBe(true)
  await supervision.sweep(runId)
  expect(isAlive(escaped)).toBe(false)
})

test.runIf(groups).for(['pre_task', 'health_check'] as const)('what a %s hook leaves behind ends with it', async name => {
  const home = tempFolder()
  const file = join(home, 'pid')
  agentProgram(home, ESCAPES[0]![1](file), name)
  const hooks = openHooks({ hooksDir: home, repo: home, home, timeoutMs: 60_000, killGraceMs: 100, self: [], builtIn: builtInHook })
  const runId = name === 'health_check' ? null : newRunId()
  const result = await hooks.run(name, hookDocument({ event: name, run_id: runId }), join(home, 'hook.log'), never)
  expect(result).toMatchObject({ ok: true })
  if (existsSync(file)) expect(identify(Number(readFileSync(file, 'utf8')))).toBe(null)
})

test.runIf(canAdoptOrphans())('without groups a supervisor is the parent of every orphan, and ends it', async () => {
  const home = tempFolder()
  const file = join(home, 'pid')
  const program = join(home, 'program.mts')
  const from = (path: string) => JSON.stringify(new URL(`../../../src/machine/process/${path}`, import.meta.url).pathname)
  writeFileSync(
    program,
    `import { adoptOrphans } from ${from('subreaper.ts')}
     import { spawn } from 'node:child_process'
     const letGo = adoptOrphans()
     const child = spawn('sh', ['-c', ${JSON.stringify(`${ESCAPES[1]![1](file)}; (env -i setsid true &); exit 5`)}], { stdio: 'ignore' })
     setInterval(() => letGo(child.pid), 20)
     child.on('exit', code => console.log('code', code))`,
  )
  const supervisor = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void supervisor.kill('SIGKILL'))
  let said = ''
  supervisor.stdout.on('data', piece => (said += piece))
  const escaped = await pidIn(file)
  await waitFor('the exit code of its own child', () => said.includes('code 5'))
  const children = () => readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, 'utf8').trim()
  // Those that ended are let go of; the one that lives is below it.
  await waitFor('the orphan alone', () => children() === String(escaped.pid))
})

test('the groups of a process are those below our folder, in whatever hierarchy', () => {
  expect(groupsIn('0::/user.slice/agent-runner/run_1.abc/call-7\n1:cpu:/\n')).toEqual(['agent-runner', 'run_1.abc', 'call-7'])
})
