import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Part, verdict } from './frame.ts'
import type { Stage } from './stage.ts'

const SECRETS = {
  HEADLESS_PM_API_KEY: 'canary-1',
  API_KEY: 'canary-2',
  GITHUB_TOKEN: 'canary-3',
  DATABASE_DSN: 'postgres://u:canary-4@h/d',
  UNKNOWN_TO_US: 'stray-1',
  NODE_OPTIONS: '--stray-2',
  VSCODE_INSPECTOR_OPTIONS: 'stray-3',
  CLAUDECODE: 'stray-4',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'core.hooksPath',
  GIT_CONFIG_VALUE_0: '/stray-5',
  HEADLESS_PM_TRACKER: 'embedded',
}

/** A program that writes down what it was given, what it can read of those above it, and whether it has a terminal. */
function spy(stage: Stage): { words(name: string): string; seen(): Map<string, string> } {
  const folder = join(stage.folder, 'seen')
  mkdirSync(folder, { recursive: true })
  const path = stage.write(
    'spy',
    `#!/bin/sh
{ env; (: </dev/tty) 2>/dev/null && echo 'stray: a terminal'
  pid=$$
  while [ "$pid" -gt 1 ] && [ "$pid" != ${process.pid} ]; do
    { tr '\\0' '\\n' </proc/$pid/environ; tr '\\0' '\\n' </proc/$pid/cmdline; } 2>/dev/null | grep canary
    pid=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/$pid/stat)
  done
} >>${folder}/$1
`,
    0o755,
  )
  return {
    words: name => `${path} ${name}`,
    seen: () => new Map(readdirSync(folder).map(name => [name, readFileSync(join(folder, name), 'utf8')])),
  }
}

/** Puts the spy everywhere: agent, its shell, our hooks, and git's hooks and filters. */
async function spied(stage: Stage) {
  const { words, seen } = spy(stage)
  stage.shellAgent(`${words('agent')}\nsh -c '${words('tool')}'\necho more >>README.md; git add -A; git commit -qm 'By the agent'\nresult`)
  for (const hook of ['pre_task', 'post_task', 'health_check']) stage.write(`state/hooks/${hook}`, `#!/bin/sh\n${words(hook)}\n`, 0o755)
  for (const hook of ['pre-commit', 'post-checkout']) stage.write(`repo/.git/hooks/${hook}`, `#!/bin/sh\n${words(`git-${hook}`)}\n`, 0o755)
  for (const kind of ['clean', 'smudge']) stage.git('config', `filter.spy.${kind}`, `sh -c '${words(`git-${kind}`)}; cat'`)
  stage.write('repo/.git/info/attributes', '*.md filter=spy\n')
  await stage.task('Look around', '--complexity', 'major')
  return seen
}

const told = (text: string) => text.split('\n').filter(line => /canary|stray/.test(line))

/** Ways out of a process tree; each writes the pid of what it leaves behind. */
const WAYS: Record<string, (file: string) => string> = {
  'env -i setsid': file => `env -i setsid sh -c 'echo $$ >${file}; exec sleep 600' </dev/null >/dev/null 2>&1 &`,
  'a double fork without a name': file =>
    `(env -i setsid sh -c 'env -i sh -c "echo \\$\\$ >${file}; exec sleep 600" &' &) </dev/null >/dev/null 2>&1`,
  'nohup that ignores TERM': file =>
    `env -i nohup setsid sh -c 'trap "" HUP INT TERM; echo $$ >${file}; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &`,
}

/** Whether what left its pid in the file lives; ended if so. */
function lives(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    const alive = !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    process.kill(pid, 'SIGKILL')
    return alive
  } catch {
    return false
  }
}

/** What programs that a run starts are given, and whether they end with it. */
export const processes: Part = {
  name: 'processes',
  attacks: [
    {
      name: 'keys, debuggers and strays in the environment reach no child, nor are they shown above it',
      async run(stage) {
        const seen = await spied(stage)
        const { code } = await stage.single([], { env: SECRETS })
        const found = [...seen()].flatMap(([who, text]) => told(text).map(line => `${who}: ${line}`))
        return verdict(
          { 'the task was done': code === 0, 'nothing was seen': found.length === 0 },
          `${[...seen().keys()].join(' ')}; ${found.slice(0, 3).join(' · ')}`,
        )
      },
    },
    {
      name: "a runner that was started by a hook of git works in its own place, not on the user's branch",
      async run(stage) {
        const before = stage.git('rev-parse', 'main')
        const seen = await spied(stage)
        const env = {
          GIT_DIR: join(stage.repo, '.git'),
          GIT_WORK_TREE: stage.repo,
          GIT_INDEX_FILE: join(stage.repo, '.git/index'),
          GIT_PREFIX: 'x/',
          HEADLESS_PM_TRACKER: 'embedded',
        }
        const { code } = await stage.single([], { env })
        const own = ['agent', 'tool', 'pre_task'].filter(who =>
          /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX)=/m.test(seen().get(who) ?? 'GIT_DIR='),
        )
        return verdict(
          {
            'the task was done': code === 0,
            "the user's branch is where it was": stage.git('rev-parse', 'main') === before,
            'no place was passed on': own.length === 0,
            'the commit is on a branch of the task': stage.git('log', '--all', '--format=%s').includes('By the agent'),
          },
          `exit ${code}; ${own.join(' ')}`,
        )
      },
    },
    {
      name: 'hooks of ours and of git that read the terminal do not get it and hang nobody',
      async run(stage) {
        stage.shellAgent('echo done >made.txt; result')
        const ask = '#!/bin/sh\nread answer </dev/tty && echo "$answer"\nexit 0\n'
        stage.write('repo/.git/hooks/pre-commit', ask, 0o755)
        stage.write('state/hooks/pre_task', ask, 0o755)
        await stage.task('Ask')
        const command = `${stage.binary} --role backend_dev --agent-id dev_001 --single-task --tracker embedded`
        const { code, ms } = await stage.program(['script', '-qec', command, '/dev/null'], { timeoutMs: 60_000 })
        return verdict({ 'the task was done': code === 0, 'nobody waited': ms < 30_000 }, `exit ${code} after ${(ms / 1000).toFixed(1)} s`)
      },
    },
    ...Object.entries(WAYS).flatMap(([way, leave]) =>
      (['the agent', 'a hook'] as const).map(who => ({
        name: `${way} from ${who} does not outlive the run`,
        async run(stage: Stage) {
          const file = join(stage.folder, 'left')
          const lines = `${leave(file)}\nfor n in 1 2 3 4 5 6 7 8 9 10; do [ -s ${file} ] && break; sleep 0.1; done`
          stage.shellAgent(`${who === 'the agent' ? lines : ''}\necho done >made.txt; result`)
          if (who === 'a hook') stage.write('state/hooks/pre_task', `#!/bin/sh\n${lines}\n`, 0o755)
          await stage.task('Leave something')
          const { code } = await stage.single(['--tracker', 'embedded'])
          const left = lives(file)
          return verdict({ 'the task was done': code === 0, 'it was started': existsSync(file), 'it is gone': !left }, `exit ${code}`)
        },
      })),
    ),
    {
      name: 'a key among the arguments is not shown for as long as the program lives',
      async run(stage) {
        const server = stage.start(['server', '--port', '0', '--database', join(stage.folder, 'board.db')], {
          env: { HEADLESS_PM_API_KEY: 'canary-1' },
        })
        await server.until(/http:\/\//)
        const runner = stage.start(
          ['run', '--role', 'qa', '--agent-id', 'q', '--server', 'http://127.0.0.1:9', '--key', 'canary-2', '--trust'],
          { env: SECRETS },
        )
        await runner.until(/./)
        const shown = [server, runner].flatMap(({ child }) =>
          ['environ', 'cmdline'].filter(name => {
            try {
              return readFileSync(`/proc/${child.pid}/${name}`, 'latin1').includes('canary')
            } catch {
              return false
            }
          }),
        )
        server.child.kill('SIGTERM')
        return verdict({ 'nothing was shown': shown.length === 0 }, shown.join(' ') || 'neither by a server nor by a runner')
      },
    },
  ],
}
