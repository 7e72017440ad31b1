import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentProgram, RESULT_LINE, speakingAgent } from '../support/agent-program.ts'
import { embeddedStage } from '../support/crash-stage.ts'
import { tempFolder } from '../support/temp.ts'

const SECRETS = {
  HEADLESS_PM_API_KEY: 'canary-1',
  API_KEY: 'canary-2',
  GITHUB_TOKEN: 'canary-3',
  DATABASE_URL: 'postgres://u:canary-4@h/d',
}
const OTHERS = {
  SOMETHING: 'stray-1',
  GIT_DIR: '/stray-2/.git',
  GIT_INDEX_FILE: '/stray-3',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'core.worktree',
  GIT_CONFIG_VALUE_0: '/stray-4',
  VSCODE_INSPECTOR_OPTIONS: 'stray-5',
  CLAUDE_CODE_SESSION_ID: 'stray-6',
}

test('no program that a run starts has a secret, a place of a repository or a debugger, itself or in what it reads of its ancestors', async () => {
  const seen = tempFolder()
  const user = tempFolder()
  // What a program has, and what the system shows it of those that started it, up to the test itself.
  const spy = agentProgram(
    user,
    `what=$1; shift 2>/dev/null
     { env; (: </dev/tty) 2>/dev/null && echo 'stray: a terminal'; } >>${seen}/$what.own
     { pid=$$
       while [ "$pid" -gt 1 ] && [ "$pid" != ${process.pid} ]; do
         tr '\\0' '\\n' </proc/$pid/environ; tr '\\0' '\\n' </proc/$pid/cmdline
         pid=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/$pid/stat)
       done
     } >>${seen}/$what.above`,
    'spy',
  )
  const agent = speakingAgent(
    user,
    `${spy} agent
     sh -c '${spy} tool'
     echo changed >>README.md; git add -A; git commit -q -m 'By the agent' && echo more >>README.md
     echo '${RESULT_LINE}'`,
  )
  const stage = await embeddedStage({
    env: {
      ...SECRETS,
      ...OTHERS,
      HEADLESS_PM_TRACKER: 'embedded',
      HEADLESS_PM_CLAUDE_COMMAND: agent,
      ANTHROPIC_API_KEY: 'sk-of-the-agent',
      PASSED_ON: 'wanted',
      HEADLESS_PM_PASS_ENV: 'hook:PASSED_ON',
    },
  })
  for (const hook of ['pre_task', 'post_task', 'health_check']) agentProgram(join(stage.root, 'hooks'), `${spy} ${hook}`, hook)
  const hooks = join(stage.repo, '.git', 'hooks')
  mkdirSync(hooks, { recursive: true })
  for (const hook of ['pre-commit', 'post-checkout', 'reference-transaction']) agentProgram(hooks, `${spy} git-${hook}`, hook)
  stage.git('config', 'filter.spy.clean', `sh -c '${spy} git-clean; cat'`)
  stage.git('config', 'filter.spy.smudge', `sh -c '${spy} git-smudge; cat'`)
  writeFileSync(join(stage.repo, '.git', 'info', 'attributes'), '*.md filter=spy\n')
  for (const file of readdirSync(seen)) writeFileSync(join(seen, file), '')
  await stage.board.add('Look around', 'major')
  await stage.finish()
  const text = (file: string) => readFileSync(join(seen, file), 'utf8')
  const kinds = readdirSync(seen).flatMap(file => (file.endsWith('.own') ? [file.slice(0, -4)] : []))
  expect(kinds).toEqual(
    expect.arrayContaining([
      'agent',
      'tool',
      'git-clean',
      'git-smudge',
      'git-pre-commit',
      'git-post-checkout',
      'health_check',
      'post_task',
      'pre_task',
    ]),
  )
  for (const kind of kinds) {
    const told = `${text(`${kind}.own`)}\n${text(`${kind}.above`)}`.split('\n').filter(line => line.includes('canary'))
    expect(told, kind).toEqual([])
    expect(
      text(`${kind}.own`)
        .split('\n')
        .filter(line => line.includes('stray')),
      kind,
    ).toEqual([])
    // What the agent itself starts sees the agent's login.
    if (!/^(agent|tool|git-)/.test(kind)) expect(text(`${kind}.own`) + text(`${kind}.above`), kind).not.toContain('sk-of-the-agent')
  }
  expect(text('agent.own')).toContain('ANTHROPIC_API_KEY=sk-of-the-agent')
  expect(text('pre_task.own')).toContain('PASSED_ON=wanted')
  expect(text('agent.own')).not.toContain('PASSED_ON')
  // The runner is among them.
  for (const kind of ['agent', 'pre_task', 'git-clean']) expect(text(`${kind}.above`), kind).toContain('HEADLESS_PM_TRACKER=embedded')
  // The work is where it belongs, though the runner was started by a git that worked elsewhere.
  expect(stage.git('log', '--all', '--format=%s')).toContain('By the agent')
  expect(stage.git('log', '-1', '--format=%s', 'main')).not.toContain('By the agent')
})
