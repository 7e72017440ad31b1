import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import type { Key } from '../schema.ts'
import type { Found, Problem } from '../source.ts'
import type { SettingsFile } from '../trust/judge.ts'
import { fromMapping } from './settings-file.ts'
import { type ReadFile, readTextFile } from './text-file.ts'
import { beyondLimits } from './yaml-size.ts'
import { yamlFault } from './yaml-words.ts'

/** The names of the project file, in a repository's root. */
export const PROJECT_FILES = ['agent-runner.yaml', 'agent-runner.yml']

/** Where a repository's project file is, whatever it is; null when it has none. */
export function findProjectFile(repo: string): string | null {
  return filesIn(repo)[0] ?? null
}

/** A sentence that names the settings file of a repository that is ignored because of another one; null where there are not several. */
export function tellPassedOver(repo: string): string | null {
  const [first, ...others] = filesIn(repo)
  return others.length > 0 ? `${others.join(', ')}: is passed over, because ${first} is there too; leave one of them` : null
}

const filesIn = (repo: string) => PROJECT_FILES.map(name => join(repo, name)).filter(path => lstatSync(path, { throwIfNoEntry: false }))

/** The project file with what it sets; null without one. A mistake in its YAML is a problem that names file and line. */
export async function readProjectFile(path: string | null, problems: Problem[]): Promise<SettingsFile | null> {
  const file = path === null ? null : readTextFile(path, 'project', problems)
  return file && { file, found: await parse(file, problems) }
}

async function parse({ path, text }: ReadFile, problems: Problem[]): Promise<Map<Key, Found>> {
  const beyond = beyondLimits(text)
  if (beyond !== null) {
    problems.push({ kind: 'project', message: `${path}: ${beyond}` })
    return new Map()
  }
  const { LineCounter, parseDocument, isScalar, isMap } = await import('yaml')
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false })
  for (const error of document.errors)
    problems.push({ kind: 'project', message: `${path} line ${counter.linePos(error.pos[0]).line}: ${yamlFault(error.code)}` })
  if (document.errors.length > 0) return new Map()

  const lineOf = (at: string[]): number | null => {
    const parent = at.length === 1 ? document.contents : document.getIn(at.slice(0, -1), true)
    const pair = isMap(parent) ? parent.items.find(item => isScalar(item.key) && String(item.key.value) === at.at(-1)) : undefined
    const range = pair && isScalar(pair.key) ? pair.key.range : undefined
    return range ? counter.linePos(range[0]).line : null
  }
  try {
    return fromMapping(document.toJS(), { kind: 'project', path, lineOf }, problems)
  } catch {
    problems.push({ kind: 'project', message: `${path}: an alias (*name) has no anchor (&name) before it, or there are too many of them` })
    return new Map()
  }
}
