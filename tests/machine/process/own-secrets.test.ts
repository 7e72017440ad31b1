import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

const MODULE = new URL('../../../src/machine/process/own-secrets.ts', import.meta.url).pathname

/** How a program is started: as it is, and where it may not write to its own memory. */
const WAYS = {
  'overwritten where they stand': [],
  'left behind by a second start': [
    'unshare',
    ...(process.getuid?.() === 0 ? [] : ['-r']),
    '-m',
    'sh',
    '-c',
    'mount --bind /dev/null /proc/$$/mem && exec "$@"',
    'sh',
  ],
}

/** A program that hides its secrets, says what it sees, and goes on until its stdin ends. */
async function program(env: Record<string, string>, args: string[] = [], way: string[] = []) {
  const folder = tempFolder()
  const file = join(folder, 'program.mts')
  writeFileSync(
    file,
    `import { hideOwnSecrets } from ${JSON.stringify(MODULE)}
     hideOwnSecrets()
     process.on('SIGTERM', () => process.exit(7))
     console.log(JSON.stringify({ pid: process.pid, ppid: process.ppid, env: process.env, args: process.argv.slice(2) }))
     process.stdin.on('data', piece => console.log('read', piece.toString()))`,
  )
  const [first, ...rest] = [...way, process.execPath, file, ...args]
  const child = spawn(first!, rest, { env: { PATH: process.env.PATH, ...env }, stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', piece => (text += piece))
  await waitFor('the program', () => text.includes('\n'))
  const shown = ['environ', 'cmdline'].map(name => readFileSync(`/proc/${child.pid}/${name}`, 'latin1')).join('\0')
  return {
    child,
    shown,
    text: () => text,
    saw: JSON.parse(text.split('\n')[0]!) as { pid: number; ppid: number; env: Record<string, string>; args: string[] },
  }
}

const SECRETS = {
  HEADLESS_PM_API_KEY: 'canary $HOME `id` "quoted" \\ back',
  GITHUB_TOKEN: 'canary\nof two lines\n',
  DATABASE_URL: 'postgres://user:canary@host/db',
  HTTPS_PROXY: 'http://user:canary@proxy:3128',
  SOME_SECRET: `canary${'x'.repeat(20_000)}`,
}

describe.each(Object.entries(WAYS))('secrets are %s', (_, way) => {
  test('neither environment nor arguments of the process show a secret, and the program has them as they were', async () => {
    const args = ['run', '--key', 'canary', '--server-key=canary', '--database', 'postgres://u:canary@h/d', '--role', 'qa', '', 'two words']
    const { child, shown, saw } = await program({ ...SECRETS, PLAIN: 'as it is' }, args, way)
    expect(shown).not.toContain('canary')
    expect(shown).toContain('PLAIN=as it is')
    expect(shown).toContain('--role\0qa\0\0two words')
    expect(saw.env).toMatchObject({ ...SECRETS, PLAIN: 'as it is' })
    expect(Object.keys(saw.env).filter(name => name.startsWith('AGENT_RUNNER_'))).toEqual([])
    expect(saw.args).toEqual(args)
    expect(saw).toMatchObject({ pid: child.pid, ppid: process.pid })
  })

  test('the process keeps its streams and hears its signals', async () => {
    const { child, text } = await program(SECRETS, [], way)
    child.stdin.write('hello')
    await waitFor('what it read', () => text().includes('read hello'))
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([7, null])
  })
})

test('a program that may write to its own memory is started once', async () => {
  const { shown } = await program(SECRETS)
  // The shell in between would have set it.
  expect(shown).not.toContain('_=')
})

test('without a secret nothing is done', async () => {
  const { saw, shown } = await program({ PLAIN: 'x', MAX_THINKING_TOKENS: '10000', HEADLESS_PM_SERVER_KEY_FILE: '/a/file' }, [
    'run',
    '--key-file',
    '/a/file',
  ])
  expect(saw.env).toMatchObject({ PLAIN: 'x' })
  expect(shown).not.toContain('_=')
  expect(saw.args).toEqual(['run', '--key-file', '/a/file'])
})
