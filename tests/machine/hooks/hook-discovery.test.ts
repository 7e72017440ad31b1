import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findHook, findHooks } from '../../../src/machine/hooks/hook-discovery.ts'
import { writeFiles } from '../../support/git-repo.ts'
import { PROGRAM } from '../../support/hook-document.ts'
import { tempFolder } from '../../support/temp.ts'

/** Folders with files: executable where the text has a shebang. */
function house(files: Record<string, string>) {
  const folder = tempFolder()
  writeFiles(folder, files)
  for (const [path, text] of Object.entries(files)) if (text.startsWith('#!')) chmodSync(join(folder, path), 0o755)
  const places = { hooksDir: join(folder, 'dir'), repo: join(folder, 'repo'), home: join(folder, 'home'), self: PROGRAM }
  mkdirSync(places.hooksDir, { recursive: true })
  return { folder, places }
}

const SH = '#!/bin/sh\n'

test('the first of --hooks-dir, repository, user and shipped wins, and says whom it hides', () => {
  const { folder, places } = house({ 'dir/pre_task': SH, 'repo/hooks/pre_task': SH, 'home/hooks/pre_task': SH })
  const seen: string[] = []
  for (const path of ['dir/pre_task', 'repo/hooks/pre_task', 'home/hooks/pre_task']) {
    const hook = findHook('pre_task', places)
    expect(hook.path).toBe(join(folder, path))
    expect(hook.hides).toHaveLength(2 - seen.length)
    seen.push(hook.origin)
    rmSync(join(folder, path))
  }
  expect(seen).toEqual(['hooks-dir', 'repository', 'user'])
  expect(findHook('pre_task', places)).toMatchObject({
    origin: 'shipped',
    path: 'built in',
    command: null,
    problem: null,
    hides: [],
  })
})

test('a folder comes before a suffix, and the suffixes have an order', () => {
  const { places } = house({
    'dir/pre_task.ts': '',
    'repo/hooks/pre_task': SH,
    'repo/hooks/post_task.py': '',
    'repo/hooks/post_task.sh': '',
  })
  expect(findHook('pre_task', places).path).toMatch(/dir\/pre_task\.ts$/)
  expect(findHook('post_task', places).path).toMatch(/post_task\.py$/)
})

test('names with a hyphen, other names and folders are no hooks', () => {
  const { folder, places } = house({ 'dir/pre-task': SH, 'dir/pre_task.rb': SH, 'dir/pre_task.sample': SH })
  mkdirSync(join(folder, 'dir/pre_task'))
  expect(findHooks(places).map(hook => [hook.name, hook.origin])).toEqual([
    ['pre_task', 'shipped'],
    ['post_task', 'shipped'],
    ['health_check', 'shipped'],
  ])
})

test('a --hooks-dir that is not there, or is a file, is a usage error', () => {
  const { folder, places } = house({ file: '' })
  for (const hooksDir of [join(folder, 'nowhere'), join(folder, 'file')])
    expect(() => findHooks({ ...places, hooksDir })).toThrow(expect.objectContaining({ code: 'USAGE' }))
  expect(findHooks({ ...places, hooksDir: null })).toHaveLength(3)
})

const WAYS: [file: string, text: string, executable: boolean, command: string[]][] = [
  ['pre_task', SH, true, []],
  ['pre_task.py', 'print(1)', false, ['python3']],
  ['pre_task.py', 'print(1)', true, ['python3']],
  ['pre_task.py', '#!/usr/bin/env python3\n', true, []],
  ['pre_task.sh', 'true', false, ['sh']],
  ['pre_task.sh', '#!/bin/sh -eu\n', false, ['/bin/sh', '-eu']],
  ['pre_task.sh', '#! /usr/bin/env -S sh -e -u\n', false, ['/usr/bin/env', '-S sh -e -u']],
  ['pre_task.js', '', false, [process.execPath]],
  ['pre_task.mjs', '', true, [process.execPath]],
  ['pre_task.ts', '#!/usr/bin/env node\n', true, [process.execPath]],
  ['pre_task', '#!/usr/bin/env node\n', true, [process.execPath]],
  ['pre_task.ts', '#!/usr/bin/env -S node --no-warnings\n', true, []],
]

for (const [file, text, executable, command] of WAYS)
  test(`${file} ${executable ? 'with' : 'without'} rights and "${text.trim()}" is run ${command.length ? `by ${command.map(word => word.split('/').pop()).join(' ')}` : 'directly'}`, () => {
    const { folder, places } = house({ [`dir/${file}`]: text })
    const path = join(folder, 'dir', file)
    chmodSync(path, executable ? 0o755 : 0o644)
    expect(findHook('pre_task', places)).toMatchObject({ command: [...command, path], problem: null })
  })

test('the one executable runs scripts by its hidden command', () => {
  const { folder, places } = house({ 'dir/pre_task.ts': '' })
  expect(findHook('pre_task', { ...places, self: ['/opt/agent-runner'] }).command).toEqual([
    '/opt/agent-runner',
    'exec-module',
    join(folder, 'dir/pre_task.ts'),
  ])
})

test('what somebody wrote and cannot be run is found, with its problem', () => {
  const { folder, places } = house({ 'dir/pre_task': SH, 'dir/post_task.sh': '#!/bin/sh\r\ntrue\r\n' })
  chmodSync(join(folder, 'dir/pre_task'), 0o644)
  symlinkSync('/nowhere', join(folder, 'dir/health_check'))
  const [pre, post, health] = findHooks(places)
  expect(pre?.problem).toContain('chmod +x')
  expect(post?.problem).toContain('CRLF')
  expect(health?.problem).toContain('cannot be read')
})

test('an interpreter that the machine does not have is the problem of the hook that asks for it', () => {
  const { places } = house({
    'dir/pre_task': '#!/no/such/python\n',
    'dir/post_task': '#!/usr/bin/env -S FLAG=1 no-such-ruby -w\n',
    'dir/health_check': '#!/usr/bin/env sh\n',
  })
  const [pre, post, health] = findHooks(places)
  expect(pre?.problem).toBe('/no/such/python is not on this machine')
  expect(post?.problem).toBe('no-such-ruby is not on this machine')
  expect(health).toMatchObject({ problem: null, runs: 'directly' })
})
