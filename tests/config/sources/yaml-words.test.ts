import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Problem } from '../../../src/config/source.ts'
import { readProjectFile } from '../../../src/config/sources/project-file.ts'
import { tempFolder } from '../../support/temp.ts'

test.each([
  ['a: b: c', 'two colons'],
  ['a: [1, 2', 'a bracket'],
  ['a: "x', 'something is missing'],
  ['a:\n\t- b', 'a tab cannot indent'],
  ['a: 1\na: 2', 'the same name'],
  ['a: @x', 'cannot begin with this sign'],
  ['a: *nobody', 'no anchor'],
  ['a: "\\q"', 'a backslash'],
  ['a: 1\n---\nb: 2', 'one document'],
  ['a: }', 'cannot stand here'],
])('what is wrong with %j is said in plain words, with the file and without what stands in it', async (text, words) => {
  const path = join(tempFolder(), 'agent-runner.yaml')
  writeFileSync(path, text.replaceAll('b', 'sesame'))
  const problems: Problem[] = []
  await readProjectFile(path, problems)
  const said = problems.map(({ message }) => message).join('\n')
  expect(said).toContain(path)
  expect(said).toContain(words)
  expect(said).not.toContain('sesame')
})
