import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Part, verdict } from './frame.ts'
import type { Stage } from './stage.ts'

/** One canary per way in; each is looked for in every form in which it could come out. */
const CANARIES = {
  flag: 'canary/by+flag "1"',
  environment: 'canary-by-environment-2',
  file: 'canary-by-user-file-3',
  dotenv: 'canary-by-dotenv-4',
  pmPassword: 'canary-in-pm-url-5',
  database: 'canary-of-database-6',
  remote: 'canary-of-remote-7',
}
const URL = `http://someone:${CANARIES.pmPassword}@127.0.0.1:1`
const ENV = { MY_TOKEN: CANARIES.environment, HEADLESS_PM_DATABASE: `postgres://me:${CANARIES.database}@127.0.0.1:1/x` }

/** Which canaries stand in a text, as they are or encoded. */
function found(text: string): string[] {
  return Object.values(CANARIES).filter(canary =>
    [
      canary,
      JSON.stringify(canary).slice(1, -1),
      encodeURIComponent(canary),
      Buffer.from(canary).toString('base64').replace(/=+$/, ''),
    ].some(form => text.includes(form)),
  )
}

function prepare(stage: Stage): void {
  stage.write('state/config.json', JSON.stringify({ serverKey: CANARIES.file }), 0o600)
  stage.write('repo/.env', `FORGE_TOKEN=${CANARIES.dotenv}\n`)
  stage.git('add', '-A')
  stage.git('commit', '-qm', 'as some do')
  stage.git('remote', 'add', 'origin', `https://someone:${CANARIES.remote}@127.0.0.1:1/x.git`)
}

/** Shell lines that print each canary, as it is, in two pieces and encoded. */
const PRINTING = Object.values(CANARIES)
  .flatMap(canary => {
    const [word, base64] = [canary.replaceAll("'", ''), Buffer.from(canary).toString('base64')]
    return [
      `printf '%s' '${word.slice(0, 8)}'; sleep 0.05; printf '%s\\n' '${word.slice(8)}'`,
      `echo '${base64} ${encodeURIComponent(canary)}'`,
    ]
  })
  .join('\n')

const COMMANDS: string[][] = [
  ['doctor', '--role', 'backend_dev'],
  ['doctor', '--json'],
  ['config', 'list'],
  ['config', 'explain'],
  ['config', 'explain', '--json'],
  ['config', 'get', 'apiUrl'],
  ['config', 'get', 'database', '--json'],
  ['why'],
  ['status'],
  ['status', '--json'],
  ['logs'],
  ['task', 'list', '--tracker', 'headless-pm'],
  ['db', 'check'],
  ['keys', 'list'],
  ['server', '--port', '0'],
  ['--role', 'backend_dev', '--agent-id', 'dev_001', '--dry-run'],
  ['--role', 'backend_dev', '--agent-id', 'dev_001', '--level', CANARIES.environment],
  ['--role', 'backend_dev', '--agent-id', 'dev_001', `--api-kee=${CANARIES.environment}`],
]

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap(entry =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  )

/** What the runner prints and logs. */
export const secrets: Part = {
  name: 'secrets',
  attacks: [
    {
      name: 'no command prints a secret that it was given',
      async run(stage) {
        prepare(stage)
        const told: string[] = []
        // With a password in its URL the PM server is refused; without, all goes on.
        for (const url of [{ HEADLESS_PM_SERVER: URL }, { HEADLESS_PM_SERVER: 'http://127.0.0.1:1', SOME_URL: URL }])
          for (const words of COMMANDS) {
            const { output } = await stage.runner(words, { env: { ...ENV, ...url, HEADLESS_PM_API_KEY: CANARIES.flag }, timeoutMs: 20_000 })
            told.push(...found(output).map(canary => `${words.join(' ')}: ${canary}`))
          }
        return verdict({ 'none is printed': told.length === 0 }, told.join('; ') || `${COMMANDS.length} commands, twice`)
      },
    },
    ...['pretty', 'plain', 'json'].map(format => ({
      name: `a run whose agent and hook print secrets shows and logs none (${format})`,
      async run(stage: Stage) {
        prepare(stage)
        stage.write('state/hooks/pre_task', `#!/bin/sh\n${PRINTING}\n`, 0o755)
        const texts = Object.values(CANARIES).map(canary => `say '${'x'.repeat(290)} ${canary.replaceAll(/["']/g, '')}'`)
        stage.shellAgent(`${texts.join('\n')}\nsay '${CANARIES.environment}'\nresult '${CANARIES.environment} ${CANARIES.dotenv}'`)
        await stage.task(`Say ${CANARIES.environment}`, '--complexity', 'minor')
        const how = { env: { ...ENV, SOME_URL: URL, HEADLESS_PM_API_KEY: CANARIES.flag } }
        const run = await stage.single(['--tracker', 'embedded', '--log-format', format], how)
        const shown = [run]
        if (run.code !== 0) return { held: false, seen: run.output.slice(-300) }
        for (const words of [['logs'], ['logs', '--json'], ['logs', '--raw'], ['why', 'dev_001'], ['status', '--json']])
          shown.push(await stage.runner(words, how))
        const runs = join(stage.home, 'runs')
        // The agent's own words stay as it wrote them, for its owner's eyes: stdout and what it was asked.
        const logged = (existsSync(runs) ? files(runs) : []).filter(path => /events\.jsonl$|hook|\.log$/.test(path))
        const printed = shown.flatMap(({ output }) => found(output))
        const kept = logged.filter(path => found(readFileSync(path, 'utf8')).length > 0)
        return verdict(
          {
            'it ran': run.code === 0,
            'nothing is printed': printed.length === 0,
            'there are logs': logged.length > 1,
            'nothing is logged': kept.length === 0,
          },
          `${logged.length} logs; ${[...printed, ...kept].join(' ') || `exit ${run.code}`}`,
        )
      },
    })),
    {
      name: 'a bundle for others holds no secret',
      async run(stage) {
        prepare(stage)
        const { output, code } = await stage.runner(['doctor', '--bundle', 'bundle.tar.gz', '--yes', '--with-work'], {
          env: { ...ENV, HEADLESS_PM_SERVER: URL, HEADLESS_PM_API_KEY: CANARIES.flag },
        })
        const bundle = files(stage.repo).find(path => /bundle/.test(path)) ?? ''
        const text = bundle === '' ? '' : (await stage.program(['sh', '-c', `gzip -dcf '${bundle}'`])).stdout
        return verdict(
          { 'it was written': text !== '', 'nothing is in it': found(text + output).length === 0 },
          `exit ${code} ${found(text + output).join(' ')}`,
        )
      },
    },
  ],
}
