import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tar } from '../../../../src/cli/doctor/bundle/tar.ts'
import { tempFolder } from '../../../support/temp.ts'

test("the system's tar unpacks what was packed, byte for byte", () => {
  const folder = tempFolder()
  const long = `${'folder/'.repeat(20)}${'n'.repeat(90)}.txt`
  const entries = [
    { path: 'a.txt', text: 'one line\n' },
    { path: 'empty', text: '' },
    { path: 'b/block', text: 'x'.repeat(512) },
    { path: 'b/ü €.txt', text: 'ü €\0\n' },
    { path: long, text: 'far down' },
  ]
  writeFileSync(join(folder, 'archive.tar'), tar(entries, new Date('2026-01-02T03:04:05Z')))
  execFileSync('tar', ['-xf', 'archive.tar'], { cwd: folder })
  for (const { path, text } of entries) expect(readFileSync(join(folder, path), 'utf8')).toBe(text)
  expect(statSync(join(folder, 'a.txt')).mtime.toISOString()).toBe('2026-01-02T03:04:05.000Z')
  expect(statSync(join(folder, 'a.txt')).mode & 0o777).toBe(0o600)
})

test('a path that the format cannot hold is an error, not a wrong name', () => {
  expect(() => tar([{ path: 'n'.repeat(101), text: '' }], new Date())).toThrow('too long')
})
