import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { endTagged, RUN_TAG, taggedProcesses } from '../../src/machine/process/processes.ts'
import { RESULT_LINE, speakingAgent } from '../support/agent-program.ts'
import { startProgram } from '../support/child-program.ts'
import { fleetServer } from '../support/fleet-server.ts'
import { git, gitRepo } from '../support/git-repo.ts'
import { patience } from '../support/patience.ts'
import { MAIN } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'

/** More of them, or the other store: FLEET_PROCESSES=20 FLEET_PROCESS_RUNS=500 FLEET_STORE=postgres npx vitest run tests/crash/fleet-processes.test.ts */
const RUNNERS = Number(process.env.FLEET_PROCESSES ?? 3)
const RUNS = Number(process.env.FLEET_PROCESS_RUNS ?? 12)
const KILLS = 2 * RUNS
/** Longer than a start of a runner takes on a busy machine: what a killed one holds is to be adopted by the next one of its name. */
const openServer = fleetServer(180_000)
const MOST_MS = patience(300_000 + 10_000 * RUNS)

/** Says that it has begun, works for a while, and says that it is done: each once, whatever is killed around it. */
const AGENT = `cat > /dev/null; t=$(basename "$PWD"); echo "$t" >> "$HOME/begun"; sleep 0.5; echo done > "$t.txt"; echo "$t" >> "$HOME/done"; echo '${RESULT_LINE}'`

test(
  `${RUNNERS} real runners do ${RUNS} runs once each while they and the server are killed, and no event is lost`,
  async () => {
    const root = tempFolder()
    const repo = gitRepo({ 'README.md': '# shop\n' }, join(root, 'repo'))
    const { url, api, project, restart, allDone, allEvents } = await openServer()
    const runs: { id: string; task_id: string }[] = []
    for (let n = 0; n < RUNS; n++) runs.push(await api.post('/runs', { project_id: project.id, goal: `goal ${n}` }))
    onTestFinished(async () => {
      for (const { id } of runs) await endTagged(RUN_TAG, id, 0)
    })

    const agent = speakingAgent(root, AGENT)
    const startRunner = (n: number) => {
      const home = join(root, `runner-${n}`)
      mkdirSync(home, { recursive: true })
      const who = ['--agent-id', `dev_${n}`, '--role', 'fullstack_dev', '--server', url, '--project', 'shop', '--home', home]
      const env = { PATH: process.env.PATH, HOME: root, GIT_CONFIG_GLOBAL: '/dev/null', HEADLESS_PM_KILL_GRACE: '0.3' }
      return startProgram([MAIN, 'run', ...who, '--claude-command', agent, '--task-check-interval', '1'], { cwd: repo, env })
    }
    const runners = Array.from({ length: RUNNERS }, (_, n) => startRunner(n))

    const killing = new AbortController()
    const counts = { runner: 0, server: 0 }
    const kills = (async () => {
      // Not for ever: a machine may be so slow that no run comes to its end between two kills.
      for (let n = 1; n <= KILLS; n++) {
        await delay(200 + Math.random() * 600, undefined, { signal: killing.signal }).catch(() => {})
        if (killing.signal.aborted) return
        const victim = Math.floor(Math.random() * RUNNERS)
        await runners[victim]!.kill()
        counts.runner++
        runners[victim] = startRunner(victim)
        if (n % 3 !== 0) continue
        counts.server++
        await restart()
      }
    })()
    await allDone(MOST_MS).finally(() => killing.abort())
    await kills
    for (const runner of runners) runner.signal('SIGTERM')
    // One that was only just started ends by the signal itself.
    for (const runner of runners) expect([0, null], runner.output()).toContain((await runner.exit).code)
    process.stderr.write(`${RUNS} runs by ${RUNNERS} processes; killed: ${JSON.stringify(counts)}\n`)
    expect(Math.min(counts.runner, counts.server)).toBeGreaterThan(0)

    for (const { id, task_id } of runs) {
      expect(await api.get(`/runs/${id}`)).toMatchObject({ status: 'COMPLETED', attempt: 1 })
      const events = await api.events(id)
      expect(events.map(event => event.seq)).toEqual(events.map((_, n) => n + 1))
      expect(events.filter(event => event.type === 'RUN_COMPLETED')).toHaveLength(1)
      const branch = git(repo, 'branch', '--all', '--format=%(refname:short)')
        .split('\n')
        .find(name => name.includes(task_id))
      expect(branch, `${id}: ${JSON.stringify(events)}`).toBeDefined()
      expect(git(repo, 'log', '--format=%s', `main..${branch}`).trim().split('\n')).toHaveLength(1)
      expect(taggedProcesses(RUN_TAG, id)).toEqual([])
    }
    // No agent was started twice for the same task, whoever was killed around it.
    const lines = (name: string) => readFileSync(join(root, name), 'utf8').trim().split('\n').sort()
    expect(lines('begun')).toEqual(runs.map(({ task_id }) => `task-${task_id}`).sort())
    expect(lines('done')).toEqual(lines('begun'))
    await allEvents()
  },
  2 * MOST_MS,
)
