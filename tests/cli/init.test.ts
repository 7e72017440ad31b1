import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { Command } from 'commander'
import { expect, onTestFinished, test, vi } from 'vitest'
import { initCommand } from '../../src/cli/init.ts'
import { loadConfig } from '../../src/config/load.ts'
import { tempFolder } from '../support/temp.ts'
import { waitFor } from '../support/wait-for.ts'
import { capture } from './capture.ts'

function place() {
  const root = tempFolder()
  const [repo, home] = [join(root, 'repo'), join(root, 'home')]
  mkdirSync(join(repo, '.git'), { recursive: true })
  const env = { HEADLESS_PM_HOME: home }
  const run = (args: string[], stdin?: string) => capture(initCommand, ['init', ...args], { cwd: repo, stdin, env })
  return { repo, home, env, run, user: join(home, 'config.json'), project: join(repo, 'agent-runner.yaml') }
}

const WHO = ['--role', 'backend_dev', '--agent-id', 'dev_001', '--level', 'senior']

test('with every answer as a flag it writes the user file, and a runner could start with it', async () => {
  const { run, repo, env, user } = place()
  const { out } = await run(['--target', 'user', '--tracker', 'embedded', ...WHO])
  expect(out).toBe(`written: ${user}\nnext: agent-runner doctor\n`)
  expect(JSON.parse(readFileSync(user, 'utf8'))).toEqual({ tracker: 'embedded', role: 'backend_dev', agentId: 'dev_001', level: 'senior' })
  const { values } = await loadConfig({ flags: {}, env, cwd: repo })
  expect(values).toMatchObject({ tracker: 'embedded', role: 'backend_dev', agentId: 'dev_001' })
})

test('the key goes into the user file, never into the repository', async () => {
  const { run, user, project } = place()
  const pm = ['--tracker', 'headless-pm', '--api-url', 'http://pm:6969', '--api-key-file', '-']
  const { out } = await run(['--target', 'project', '--json', ...pm, ...WHO], 'hunter2\n')
  expect(JSON.parse(out)).toEqual({ written: [project, user] })
  expect(readFileSync(project, 'utf8')).toBe(
    'tracker: headless-pm\napiUrl: http://pm:6969\nrole: backend_dev\nagentId: dev_001\nlevel: senior\n',
  )
  expect(JSON.parse(readFileSync(user, 'utf8'))).toEqual({ apiKey: 'hunter2' })
  expect(statSync(user).mode & 0o777).toBe(0o600)
})

test('a control plane is asked for by its address, its project and its key, and a runner could start with it', async () => {
  const { run, repo, env, user, project } = place()
  const rest = ['--target', 'project', '--tracker', 'control-plane', ...WHO]
  await expect(run(rest)).rejects.toThrow(/missing: --server, --api-key-file \(or --no-api-key\)$/)
  await expect(run([...rest, '--server', 'http://x:1', '--api-url', 'http://pm:1'])).rejects.toThrow('--api-url: is for another tracker')
  await run([...rest, '--server', 'http://build:8000', '--project', 'shop', '--api-key-file', '-'], 'hunter2\n')
  expect(readFileSync(project, 'utf8')).toBe(
    'tracker: control-plane\nserver: http://build:8000\nproject: shop\nrole: backend_dev\nagentId: dev_001\nlevel: senior\n',
  )
  expect(JSON.parse(readFileSync(user, 'utf8'))).toEqual({ serverKey: 'hunter2' })
  const { values } = await loadConfig({ flags: {}, env, cwd: repo })
  expect(values).toMatchObject({ tracker: 'control-plane', server: 'http://build:8000', serverKey: 'hunter2', project: 'shop' })
})

test('an address says which tracker is meant, and no project means the one of the repository', async () => {
  const { run, user } = place()
  await run(['--yes', '--role', 'qa', '--agent-id', 'qa_1', '--server', 'http://build:8000'])
  expect(JSON.parse(readFileSync(user, 'utf8'))).toEqual({
    ...{ tracker: 'control-plane', server: 'http://build:8000' },
    ...{ role: 'qa', agentId: 'qa_1', level: 'senior' },
  })
})

test('without a terminal missing answers are told by their flags, and nothing is written', async () => {
  const { run, home, project } = place()
  await expect(run(['--tracker', 'headless-pm', '--role', 'qa'])).rejects.toMatchObject({
    exitCode: 2,
    message:
      'without a terminal init needs every answer as a flag; missing: --target, --api-url, --agent-id, --level, --api-key-file (or --no-api-key)',
  })
  expect(existsSync(home) || existsSync(project)).toBe(false)
})

test('--yes takes the defaults, and asks only for what has none', async () => {
  const { run, user } = place()
  await expect(run(['--yes'])).rejects.toThrow(/missing: --role, --agent-id$/)
  await run(['--yes', '--role', 'qa', '--agent-id', 'qa_1'])
  expect(JSON.parse(readFileSync(user, 'utf8'))).toMatchObject({ tracker: 'embedded', level: 'senior' })
})

test('a bad answer is refused before anything is written', async () => {
  const { run, home } = place()
  const rest = ['--target', 'user', '--tracker', 'embedded', '--level', 'senior', '--agent-id', 'a']
  await expect(run([...rest, '--role', '../x'])).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(/^--role \.\.\/x: expected/),
  })
  await expect(run([...rest, '--role', 'qa', '--target', 'both'])).rejects.toThrow('--target both: expected one of user, project')
  await expect(run([...rest, '--role', 'qa', '--api-url', 'http://pm'])).rejects.toThrow(
    '--api-url: is for another tracker, but the tracker is embedded',
  )
  await expect(run([...rest, '--role', 'qa', '--api-key-file', 'nowhere'])).rejects.toThrow('cannot be read (ENOENT)')
  expect(existsSync(home)).toBe(false)
})

test('comments and other settings of a project file stay', async () => {
  const { run, project } = place()
  writeFileSync(project, '# ours\nhookTimeout: 5 # short\nlevel: junior\n')
  await run(['--target', 'project', '--tracker', 'embedded', ...WHO])
  expect(readFileSync(project, 'utf8')).toBe(
    '# ours\nhookTimeout: 5 # short\nlevel: senior\ntracker: embedded\nrole: backend_dev\nagentId: dev_001\n',
  )
  writeFileSync(project, 'level: [\n')
  await expect(run(['--target', 'project', '--tracker', 'embedded', ...WHO])).rejects.toMatchObject({ exitCode: 78 })
  expect(readFileSync(project, 'utf8')).toBe('level: [\n')
})

/** A terminal at which `init` runs, and somebody who answers its questions. */
function terminalAt({ repo, env }: { repo: string; env: NodeJS.ProcessEnv }, args: string[]) {
  // Like a terminal's streams, they do not end when a prompt is done with them.
  const terminal = () => Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24, end: () => {} })
  const [stdin, stdout, stderr] = [terminal(), terminal(), terminal()]
  let seen = ''
  stderr.on('data', piece => {
    seen += piece
  })
  const program = new Command().exitOverride()
  // Node's readline goes by it, and deletes nothing on a dumb one.
  vi.stubEnv('TERM', 'xterm')
  onTestFinished(() => void vi.unstubAllEnvs())
  initCommand(program, () => ({ stdin, stdout, stderr, env, cwd: repo }))
  return {
    done: program.parseAsync(['init', ...args], { from: 'user' }),
    seen: () => seen,
    /** Types as people do: looks at what was typed, and presses Enter then. */
    async answer(question: string, keys = '') {
      await waitFor(question, () => seen.includes(question))
      if (keys !== '') {
        const before = seen.length
        stdin.write(keys)
        await waitFor(`${keys} to be echoed`, () => seen.length > before)
      }
      stdin.write('\r')
    },
  }
}

test('on a terminal it asks only for what is missing, and asks again after a bad answer', async () => {
  const at = place()
  const { done, answer, seen } = terminalAt(at, ['--target', 'user', '--role', 'qa', '--api-url', 'http://pm:1'])
  await answer('Where do tasks come from?')
  await answer('Under which name does it work?', '../x')
  await answer('expected 1 to 64 letters', '\u0008\u0008\u0008\u0008qa_1')
  await answer('What is the highest seniority')
  await answer('What is its key?', 'hunter2')
  await done
  expect(JSON.parse(readFileSync(at.user, 'utf8'))).toEqual({
    tracker: 'headless-pm',
    apiUrl: 'http://pm:1',
    role: 'qa',
    agentId: 'qa_1',
    level: 'senior',
    apiKey: 'hunter2',
  })
  expect(seen()).not.toContain('hunter2')
  expect(seen()).not.toContain('Which role')
  expect(seen()).not.toContain('control plane?')
})

test('on a terminal it asks for the address and key of a control plane, and a project may be left open', async () => {
  const at = place()
  const { done, answer, seen } = terminalAt(at, ['--target', 'user', '--tracker', 'control-plane', ...WHO])
  await answer('What is the address of the control plane?', 'http://build:8000')
  await answer('Which of its projects?')
  await answer('What is its key?', 'hunter2')
  await done
  expect(JSON.parse(readFileSync(at.user, 'utf8'))).toEqual({
    ...{ tracker: 'control-plane', server: 'http://build:8000', serverKey: 'hunter2' },
    ...{ role: 'backend_dev', agentId: 'dev_001', level: 'senior' },
  })
  expect(seen()).not.toContain('Headless PM server?')
})
