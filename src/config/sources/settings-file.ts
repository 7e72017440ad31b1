import { nearest } from '../nearest.ts'
import { flagName, isKey, KEYS, type Key, setting } from '../schema.ts'
import { envNames } from '../setting.ts'
import { type Found, type Problem, type Source, sayProblem } from '../source.ts'

/** The settings in a file's mapping. Groups may be nested (`models: {junior: …}`) or dotted. Unknown keys are problems. */
export function fromMapping(
  mapping: unknown,
  file: { kind: 'project' | 'user'; path: string; lineOf: (path: string[]) => number | null },
  problems: Problem[],
): Map<Key, Found> {
  const found = new Map<Key, Found>()
  const source = (at: string[]): Source => ({ kind: file.kind, name: at.join('.'), path: file.path, line: file.lineOf(at) })

  const visit = (value: unknown, at: string[]) => {
    const name = at.join('.')
    if (isKey(name)) {
      if (setting(name).trust === 'never')
        problems.push(sayProblem(source(at), null, `can only be given as ${flagName(name)} or ${setting(name).env[0]}`))
      else found.set(name, { raw: value, asText: false, source: source(at) })
    } else if (KEYS.some(key => key.startsWith(`${name}.`)) && isMapping(value)) {
      for (const [part, inner] of Object.entries(value)) visit(inner, [...at, part])
    } else {
      const near = KEYS.find(key => envNames(setting(key)).includes(name)) ?? nearest(name, KEYS)
      // Leave the value out: for a misspelt `apiKye` it would be a secret.
      problems.push(
        sayProblem(
          source(at),
          null,
          near ? `unknown setting; did you mean ${near}?` : 'unknown setting; `agent-runner config list` shows them all',
        ),
      )
    }
  }

  if (isMapping(mapping)) for (const [part, value] of Object.entries(mapping)) visit(value, [part])
  else if (mapping !== null && mapping !== undefined)
    problems.push({ kind: file.kind, message: `${file.path}: expected a mapping of settings` })
  return found
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
