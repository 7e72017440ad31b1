import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ModelScript } from './model-script.ts'
import { startScriptedModel } from './scripted-model.ts'
import { tempFolder } from './temp.ts'
import { waitFor } from './wait-for.ts'

type Message = { role: string; content: unknown }

/** One request of a main loop, as the CLI sends it, without streaming. */
async function ask(url: string, session: string, messages: Message[]) {
  const response = await fetch(`${url}/v1/messages?beta=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-claude-code-session-id': session },
    body: JSON.stringify({ model: 'claude-sonnet-5-5', messages, tools: [{ name: 'Bash' }] }),
  })
  return { status: response.status, body: (await response.json()) as { content: { type: string; id?: string; text?: string }[] } }
}

async function model(script: ModelScript) {
  const started = await startScriptedModel(script)
  onTestFinished(() => started.close())
  return started
}

const user = (content: unknown): Message => ({ role: 'user', content })

test('conversations are told apart by their prompt, and are played at the same time', async () => {
  const { url, requests } = await model({ 'task one': ['first'], '/task (two|three)/': ['second'], '*': ['neither'] })
  const said = async (prompt: string) => (await ask(url, prompt, [user(`Do ${prompt}.`)])).body.content[0]?.text
  expect(await Promise.all(['task one', 'task three', 'task nine'].map(said))).toEqual(['first', 'second', 'neither'])
  expect(requests.map(request => request.key).sort()).toEqual(['*', '/task (two|three)/', 'task one'])
})

test('an answer that the conversation does not hold is given again, one that it holds is not', async () => {
  const { url } = await model({ '*': [{ bash: 'echo one' }, 'The end.'] })
  const first = (await ask(url, 's', [user('go')])).body.content
  expect((await ask(url, 's', [user('go')])).body.content[0]).toMatchObject({ type: 'tool_use', input: { command: 'echo one' } })
  const held = [
    user('go'),
    { role: 'assistant', content: first },
    user([{ type: 'tool_result', tool_use_id: first[0]?.id, content: 'one' }]),
  ]
  const last = (await ask(url, 's', held)).body.content
  expect(last).toEqual([{ type: 'text', text: 'The end.' }])
  expect((await ask(url, 's', [...held, { role: 'assistant', content: last }, user('more')])).body.content[0]?.text).toBe('Done.')
})

test('failures are played as often as they say, in each session', async () => {
  const { url } = await model({ '*': [{ status: 529, times: 2 }, 'At last.'] })
  const statuses = async (session: string) => {
    const seen: number[] = []
    for (const _ of [1, 2, 3]) seen.push((await ask(url, session, [user('go')])).status)
    return seen
  }
  expect(await statuses('a')).toEqual([529, 529, 200])
  expect(await statuses('b')).toEqual([529, 529, 200])
})

test('requests beside the main loop do not move the script', async () => {
  const { url, requests, side } = await model({ '*': ['The answer.'] })
  await fetch(`${url}/api/hello`, { method: 'HEAD' })
  const title = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    body: JSON.stringify({ model: 'claude-haiku-5-5', messages: [user('Title?')] }),
  })
  const count = await fetch(`${url}/v1/messages/count_tokens`, { method: 'POST', body: '{}' })
  const unknown = await fetch(`${url}/v1/nothing`)
  expect([title.status, count.status, unknown.status]).toEqual([200, 200, 404])
  expect(requests).toEqual([])
  expect(side).toEqual(['HEAD /api/hello', 'POST /v1/messages', 'POST /v1/messages/count_tokens', 'GET /v1/nothing'])
  expect((await ask(url, 's', [user('go')])).body.content[0]?.text).toBe('The answer.')
})

test('a script with a mistake is refused with its place', async () => {
  await expect(startScriptedModel({ x: ['fine', { bsh: 'oops' } as never] })).rejects.toThrow(/bsh/)
})

test('is a program of its own that tells its port and ends on TERM', async () => {
  const folder = tempFolder()
  const [script, portFile] = [join(folder, 'script.json'), join(folder, 'port')]
  writeFileSync(script, JSON.stringify({ '*': ['From a program.'] } satisfies ModelScript))
  const program = spawn(process.execPath, [join(import.meta.dirname, 'scripted-model.ts'), '--script', script, '--port-file', portFile], {
    stdio: 'inherit',
  })
  onTestFinished(() => void program.kill('SIGKILL'))
  const ended = new Promise(resolve => program.once('exit', resolve))
  await waitFor('the port', () => existsSync(portFile))
  const url = `http://127.0.0.1:${readFileSync(portFile, 'utf8')}`
  expect((await ask(url, 's', [user('go')])).body.content[0]?.text).toBe('From a program.')
  program.kill('SIGTERM')
  expect(await ended).toBe(0)
})
