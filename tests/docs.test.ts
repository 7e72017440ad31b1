import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folderReadmes } from '../scripts/folder-imports.ts'
import { writeFiles } from './support/git-repo.ts'
import { anchors, deadLinks, missingFiles } from './support/markdown.ts'
import { tempFolder } from './support/temp.ts'

const ROOT = join(import.meta.dirname, '..')
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter(file => file !== '' && existsSync(join(ROOT, file)))
const DOCUMENTS = FILES.filter(file => file.endsWith('.md'))
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** What each document that has any of it has. */
function inEach(problems: (file: string) => string[]): Record<string, string[]> {
  return Object.fromEntries(DOCUMENTS.map(file => [file, problems(file)] as const).filter(([, found]) => found.length > 0))
}

test('every relative link leads to a file, and to a heading where it names one', () => {
  expect(inEach(file => deadLinks(join(ROOT, file)))).toEqual({})
})

test('every source file that a document names is there', () => {
  expect(inEach(file => missingFiles(read(file), FILES))).toEqual({})
})

test('every script that a document names is there', () => {
  const named = (file: string) => Array.from(read(file).matchAll(/(?<![\w/.-])scripts\/([\w-]+)(?![\w./-])/g), ([, name]) => name!)
  expect(inEach(file => named(file).filter(name => !existsSync(join(ROOT, 'scripts', name))))).toEqual({})
})

test('every decision has the next number, says when it was made, and is in both lists', () => {
  const decisions = FILES.filter(file => /^docs\/decisions\/\d/.test(file)).toSorted()
  for (const [index, file] of decisions.entries()) {
    const text = read(file)
    const title = new RegExp(`^# ${index + 1}\\. (.+)\n\n(?:Accepted|Replaced) on \\d{4}-\\d\\d-\\d\\d`).exec(text)?.[1]
    expect(title, file).toBeDefined()
    expect(text.match(/^## .+$/gm), file).toEqual(['## Context', '## Options', '## Decision', '## Consequences'])
    const name = file.replace('docs/decisions/', '')
    expect(read('docs/decisions/README.md')).toContain(`[${title}](${name})`)
    expect(read('src/README.md')).toContain(`[${title}](../docs/decisions/${name})`)
  }
})

test('every file of tests/support is in its README', () => {
  const files = FILES.filter(file => /^tests\/support\/[^/]+(?<!\.test)\.ts$/.test(file)).map(file => file.replace('tests/support/', ''))
  expect(files.filter(file => !read('tests/support/README.md').includes(`\`${file}\``))).toEqual([])
})

test('the README of each folder of src is short, and says what the rules of imports say (node scripts/folder-imports.ts --write)', () => {
  for (const { file, text, wanted } of folderReadmes()) {
    expect(text.trim().split('\n').length, file).toBeLessThanOrEqual(12)
    expect(text, file).toMatch(/^May import: .+$/m)
    expect(text, file).toBe(wanted)
  }
})

test('a link to a missing file or heading is found, and one in code is none', () => {
  const folder = tempFolder()
  writeFiles(folder, {
    'a.md':
      '# One & two\n\n# One & two\n[b](b.md#le-mot) [up](../gone.md) [me](#one--two-1) [no](b.md#no) `[x](y)` [site](https://example.com/#x)\n',
    'b.md': '```sh\n# no heading\n[z](z)\n```\n## Le `mot`\n',
  })
  expect(deadLinks(join(folder, 'a.md'))).toEqual(['../gone.md', 'b.md#no'])
  expect(deadLinks(join(folder, 'b.md'))).toEqual([])
  expect(anchors('# A\n# A\n## `b`: [c](d.md)!')).toEqual(new Set(['a', 'a-1', 'b-c']))
})

test('a named source file that is not there is found, and one that is named without its folders is there', () => {
  const files = ['src/runner/loop.ts', 'tests/contracts/tracker.ts']
  expect(missingFiles('`loop.ts`, `runner/loop.ts`, ../src/runner/loop.ts, contracts/tracker.ts', files)).toEqual([])
  expect(missingFiles('`system/loop.ts` and [x](gone.ts), `*.test.ts`', files)).toEqual(['system/loop.ts', 'gone.ts'])
})
