import { expect, test } from 'vitest'
import { beyondLimits } from '../../../src/config/sources/yaml-size.ts'
import { loadIn } from '../load-in.ts'

const hostile: Record<string, string> = {
  'brackets on one line': '['.repeat(60_000),
  'brackets on a line each': '[\n'.repeat(30_000),
  'braces in a value': `role: ${'{a: '.repeat(10_000)}`,
  'list signs on one line': `${'- '.repeat(30_000)}x`,
  'question marks on one line': `${'? '.repeat(30_000)}x`,
  'lines that are indented more and more': Array.from({ length: 200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
  'twenty thousand names': Array.from({ length: 20_000 }, (_, i) => `${i}:`).join('\n'),
  'twenty thousand names in braces': `{${Array.from({ length: 15_000 }, (_, i) => i).join(',')}}`,
}

test.each(Object.entries(hostile))('a project file of %s is refused with its name, as quickly as it is read', async (_, text) => {
  expect(beyondLimits(text)).not.toBeNull()
  const began = performance.now()
  await expect(loadIn({ files: { 'agent-runner.yaml': text } })).rejects.toThrow('agent-runner.yaml')
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('a file that is too large is not read', async () => {
  await expect(loadIn({ files: { 'agent-runner.yaml': `# ${'x'.repeat(70_000)}` } })).rejects.toThrow('is larger than 64 KiB')
})

test('what people write passes: groups, lists, long comments, brackets in balance', () => {
  const text = `# ${'[-'.repeat(20)}\nmodels:\n  junior: haiku\nlabels: [linux, "gpu"]\n---\n- a\n- - b\n${'x: [1, {a: b}]\n'.repeat(500)}`
  expect(beyondLimits(text)).toBeNull()
})
