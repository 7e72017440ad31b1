import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { speakingAgent } from '../support/agent-program.ts'
import { apiClient, ownersHeaderAt } from '../support/api-client.ts'
import { freePort, startProgram } from '../support/child-program.ts'
import { git, gitRepo } from '../support/git-repo.ts'
import { MAIN } from '../support/program.ts'
import { tempFolder } from '../support/temp.ts'

const CODE = 'launch the rockets at dawn'
const TOKEN = 'tok-a1b2c3d4e5f6'

const line = (message: object) => `echo '${JSON.stringify(message)}'`
const assistant = (...content: object[]) => line({ type: 'assistant', message: { role: 'assistant', content } })
/** Writes a file, and shows what is in it in every way that an agent has. */
const AGENT = [
  `cat > /dev/null; echo '${CODE}; ${TOKEN}' > plan.txt`,
  assistant({ type: 'thinking', thinking: `${CODE} ${TOKEN}` }),
  assistant({ type: 'text', text: `I wrote ${CODE} ${TOKEN}` }),
  assistant({ type: 'tool_use', id: 't1', name: 'Bash', input: { command: `echo ${CODE} ${TOKEN} > plan.txt` } }),
  line({ type: 'user', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: `${CODE} ${TOKEN}` }] } }),
  line({
    ...{ type: 'result', subtype: 'success', is_error: false, session_id: 's', total_cost_usd: 0.01, num_turns: 1, duration_ms: 5 },
    result: `All done with ${TOKEN}.\\n\\n\`\`\`\\n${CODE}\\n\`\`\``,
    usage: { input_tokens: 1, output_tokens: 1 },
  }),
].join('\n')

/** Everything that a server has of one run, after a runner with these flags has done it. */
async function serverAfter(flags: string[]): Promise<{ text: string; committed: string }> {
  const root = tempFolder()
  const repo = gitRepo({ 'README.md': 'shop\n' }, join(root, 'repo'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = { PATH: process.env.PATH, HOME: root, GIT_CONFIG_GLOBAL: '/dev/null', SHOP_TOKEN: TOKEN }
  const home = join(root, 'state')
  const server = startProgram([MAIN, 'server', '--port', String(port), '--home', home], { cwd: root, env })
  const api = apiClient(url, () => ownersHeaderAt(home, url))
  await api.ready()
  const { id: project_id } = await api.post('/projects', { name: 'shop', local_path: '/srv/shop' })
  const run = await api.post('/runs', { project_id, goal: 'Plan it' })
  const words = ['--server', url, '--project', 'shop', '--agent-id', 'dev_1', '--role', 'fullstack_dev', '--home', home]
  const agent = speakingAgent(root, AGENT)
  const runner = startProgram([MAIN, 'run', ...words, '--single-task', '--claude-command', agent, ...flags], { cwd: repo, env })
  expect((await runner.exit).code, runner.output()).toBe(0)
  expect((await api.get(`/runs/${run.id}`)).status).toBe('COMPLETED')
  await server.kill()
  const database = new DatabaseSync(join(home, 'agent-runner.db'), { readOnly: true })
  const tables = database.prepare("select name from sqlite_master where type = 'table'").all()
  const text = tables.map(({ name }) => JSON.stringify(database.prepare(`select * from "${name}"`).all())).join('\n')
  database.close()
  const [, branch] = /\[?(\S*task-\S+)/.exec(git(repo, 'branch', '--all', '--format=%(refname:short)')) ?? []
  return { text, committed: git(repo, 'show', `${branch}:plan.txt`) }
}

test('with --no-diff neither diff nor file contents reach the server, and without it they do; secrets never do', async () => {
  const [kept, sent] = await Promise.all([serverAfter(['--no-diff']), serverAfter([])])
  for (const { text, committed } of [kept, sent]) {
    expect(committed).toContain(CODE)
    expect(text).toContain('All done')
    expect(text).not.toContain(TOKEN)
  }
  expect(kept.text).not.toContain(CODE)
  expect(kept.text).not.toContain('diff.patch')
  expect(sent.text).toContain(CODE)
  expect(sent.text).toContain('diff.patch')
})
