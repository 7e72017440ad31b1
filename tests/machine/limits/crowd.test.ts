import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { crowd } from '../../../src/machine/limits/crowd.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

test('many agents on the machine are told, and few are not', async () => {
  const command = join(tempFolder(), `agent-${process.pid}-with-a-long-name`)
  copyFileSync('/bin/sleep', command)
  const children: ChildProcess[] = []
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  const more = (n: number) => {
    for (let i = 0; i < n; i++) children.push(spawn(command, ['600']))
  }
  more(10)
  await waitFor('they run', () => children.every(child => child.pid))
  expect(crowd(command)).toBeNull()
  more(1)
  expect(await waitFor('it is told', () => crowd(command))).toMatch(/^11 processes named agent-.* run on this machine/)
  expect(crowd('no-such-agent')).toBeNull()
})
