import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { removeLeftovers, replaceFile } from '../../../src/machine/files/durable-file.ts'
import { tempFolder } from '../../support/temp.ts'

test('a file that is being replaced is whole after a kill at any moment', async () => {
  const folder = tempFolder()
  const path = join(folder, 'state.json')
  const program = new URL('../../support/rewrite-loop.ts', import.meta.url).pathname
  for (let kill = 0; kill < 8; kill++) {
    const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    // The moment of the kill is what is varied here; nothing is waited for.
    await delay(Math.random() * 20)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ end: true })
    removeLeftovers(path)
    expect(readdirSync(folder)).toEqual(['state.json'])
  }
})

test('a failed replacement leaves the old file and nothing beside it', () => {
  const folder = tempFolder()
  const path = join(folder, 'state.json')
  mkdirSync(path)
  expect(() => replaceFile(path, 'new')).toThrow()
  expect(readdirSync(folder)).toEqual(['state.json'])
})

test('only the owner can read what is written', () => {
  const path = join(tempFolder(), 'state.json')
  writeFileSync(path, 'old', { mode: 0o644 })
  replaceFile(path, 'new')
  expect(statSync(path).mode & 0o777).toBe(0o600)
})
