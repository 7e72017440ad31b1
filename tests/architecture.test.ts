import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { writeFiles } from './support/git-repo.ts'
import { tempFolder } from './support/temp.ts'

const ROOT = join(import.meta.dirname, '..')
const CONFIG = join(ROOT, '.dependency-cruiser.cjs')

interface Report {
  summary: { violations: { from: string; rule: { name: string } }[] }
}

/** For each rule a file that breaks it, and what that file imports: a file of the same tree, or a package. */
const VIOLATIONS: Record<string, [file: string, imported: string]> = {
  'no-circles': ['src/core/here.ts', 'src/core/there.ts'],
  resolvable: ['src/core/lost.ts', 'src/core/nowhere.ts'],
  'layer core': ['src/core/a.ts', 'src/git/b.ts'],
  'layer machine/process': ['src/machine/process/a.ts', 'src/machine/attempts/b.ts'],
  'layer machine/files': ['src/machine/files/a.ts', 'src/machine/process/b.ts'],
  'layer machine/locks': ['src/machine/locks/a.ts', 'src/machine/journal/b.ts'],
  'layer machine/journal': ['src/machine/journal/a.ts', 'src/machine/attempts/b.ts'],
  'layer machine/limits': ['src/machine/limits/a.ts', 'src/machine/attempts/b.ts'],
  'layer machine/attempts': ['src/machine/attempts/a.ts', 'src/runner/b.ts'],
  'layer machine/hooks': ['src/machine/hooks/a.ts', 'src/config/b.ts'],
  'layer git': ['src/git/a.ts', 'src/workspaces/b.ts'],
  'layer http': ['src/http/a.ts', 'src/connectors/headless-pm/b.ts'],
  'layer config': ['src/config/a.ts', 'src/machine/locks/b.ts'],
  'layer agents/claude': ['src/agents/claude/a.ts', 'src/agents/shell/b.ts'],
  'layer agents/shell': ['src/agents/shell/a.ts', 'src/workspaces/b.ts'],
  'layer workspaces': ['src/workspaces/a.ts', 'src/config/b.ts'],
  'layer contract': ['src/contract/a.ts', 'src/board/b.ts'],
  'layer board': ['src/board/a.ts', 'src/server/b.ts'],
  'layer server': ['src/server/a.ts', 'src/connectors/headless-pm/b.ts'],
  'layer connectors/headless-pm': ['src/connectors/headless-pm/a.ts', 'src/connectors/control-plane/b.ts'],
  'layer connectors/control-plane': ['src/connectors/control-plane/a.ts', 'src/board/b.ts'],
  'layer connectors/control-plane/http': ['src/connectors/control-plane/http/a.ts', 'src/board/b.ts'],
  'layer connectors/control-plane/in-process': ['src/connectors/control-plane/in-process/a.ts', 'src/connectors/control-plane/http/b.ts'],
  'layer runner': ['src/runner/a.ts', 'src/machine/locks/b.ts'],
  'layer cli': ['src/cli/a.ts', 'src/connectors/headless-pm/b.ts'],
  'a-layer-for-each-file': ['src/elsewhere/a.ts', 'src/core/b.ts'],
  'one-door-for-children': ['src/cli/child.ts', 'node:child_process'],
  'core-does-no-io': ['src/runner/io.ts', 'node:fs'],
  'runner-uses-no-library': ['src/runner/library.ts', 'node_modules/zod/index.js'],
  'hooks-stand-alone': ['hooks/post_task.ts', 'src/core/b.ts'],
  'hooks-are-known-to-commands-alone': ['src/machine/locks/hook.ts', 'hooks/pre_task.ts'],
  'no-tests-in-the-product': ['src/core/test.ts', 'tests/support/temp.ts'],
  'libraries of cli': ['src/core/colours.ts', 'chalk'],
  'libraries of config': ['src/cli/yaml.ts', 'yaml'],
  'libraries of http': ['src/cli/http.ts', 'undici'],
  'libraries of server': ['src/board/server.ts', 'fastify'],
  'libraries of board': ['src/cli/database.ts', 'kysely'],
  'libraries of machine/process': ['src/cli/git.ts', 'simple-git'],
}

/** A tree with every violation and with what the files import. */
function lawlessTree(): string {
  const folder = tempFolder()
  const files: Record<string, string> = { 'src/core/there.ts': `import './here.ts'\n` }
  for (const [file, imported] of Object.values(VIOLATIONS)) {
    const inTree = imported.includes('/') && !imported.startsWith('node:')
    if (inTree && imported !== 'src/core/nowhere.ts') files[imported] ??= 'export const there = 1\n'
    files[file] = `import '${inTree ? relative(dirname(file), imported).replace(/^(?!\.)/, './') : imported}'\n`
  }
  writeFiles(folder, files)
  return folder
}

test('each rule on what may import what finds the file that breaks it', () => {
  const cwd = lawlessTree()
  const program = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  const { stdout } = spawnSync(process.execPath, [program, 'src', 'hooks', '--config', CONFIG, '--output-type', 'json'], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
  const found = (JSON.parse(stdout) as Report).summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`)
  for (const [name, [file]] of Object.entries(VIOLATIONS)) expect(found).toContain(`${name}: ${file}`)
})

test('there is a violation for each rule', () => {
  const { forbidden } = createRequire(import.meta.url)(CONFIG) as { forbidden: { name: string }[] }
  expect(Object.keys(VIOLATIONS).toSorted()).toEqual(forbidden.map(rule => rule.name).toSorted())
})

test('no folder of src holds more than 20 files', () => {
  const counts: Record<string, number> = {}
  for (const file of globSync('src/**/*.ts', { cwd: ROOT })) counts[dirname(file)] = (counts[dirname(file)] ?? 0) + 1
  expect(Object.entries(counts).filter(([, files]) => files > 20)).toEqual([])
})
