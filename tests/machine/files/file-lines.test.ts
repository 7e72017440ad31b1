import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FileLines } from '../../../src/machine/files/file-lines.ts'
import { tempFolder } from '../../support/temp.ts'

test('what is written between the last read and the first wait is not slept through', async () => {
  const folder = tempFolder()
  const file = join(folder, 'out')
  writeFileSync(file, 'one\n')
  const lines = new FileLines(file, folder)
  const read: string[] = []
  lines.read(line => read.push(line))
  appendFileSync(file, 'two\n')
  await lines.changed(600_000, new AbortController().signal)
  lines.read(line => read.push(line))
  lines.close()
  expect(read).toEqual(['one', 'two'])
})

test('a wait ends at the next change', async () => {
  const folder = tempFolder()
  const file = join(folder, 'out')
  writeFileSync(file, '')
  const lines = new FileLines(file, folder)
  const never = new AbortController().signal
  await lines.changed(600_000, never)
  lines.read(() => {})
  const waiting = lines.changed(600_000, never)
  appendFileSync(file, 'late\n')
  await waiting
  expect(lines.read(() => {})).toBe(5)
  lines.close()
})
