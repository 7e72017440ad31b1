import { isSecret } from '../../core/secrets.ts'
import { NAMES, type Need, OUTER_SESSION, QUIET } from './needs.ts'

export type { Need } from './needs.ts'

/** More entries for one child; null takes one away. */
export type Entries = Readonly<Record<string, string | null | undefined>>

/**
 * The environment of a child: from ours only what a program of its kind needs (see `needs.ts`) and what the user passes on by name, then
 * the entries that keep it from asking anybody, then `set`. Variables that say where a repository is, switch a debugger on, preload code
 * or tell of an outer session of an agent are in no list. The only secrets in a list are those with which the program itself logs in.
 */
export function childEnvironment(need: Need, ours: NodeJS.ProcessEnv, set: Entries = {}): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(ours)) if (value !== undefined && goesTo(need, name, value, ours)) env[name] = value
  for (const [name, value] of Object.entries({ ...QUIET, ...set })) {
    if (value === null || value === undefined) delete env[name]
    else env[name] = value
  }
  return env
}

/** The names of our variables that no child of a kind gets. */
export function keptBack(need: Need, ours: NodeJS.ProcessEnv): string[] {
  return Object.entries(ours).flatMap(([name, value = '']) => (goesTo(need, name, value, ours) ? [] : [name]))
}

function goesTo(need: Need, name: string, value: string, ours: NodeJS.ProcessEnv): boolean {
  if (NEVER.test(name)) return false
  if (passed.some(rule => (rule.need === null || rule.need === need) && rule.fits(name, value))) return true
  if (OUTER_SESSION.test(name)) return false
  return NAMES[need].some(group => (group.when?.(ours) ?? true) && group.fits(name) && (group.secrets === true || !isSecret(name, value)))
}

/**
 * Names that are not passed on even when the user asks for it: where a repository is, and the keys with which this program itself logs
 * in.
 */
const NEVER =
  /^(GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|IMPLICIT_WORK_TREE|GRAFT_FILE|SHALLOW_FILE|INTERNAL_\w+|QUARANTINE_PATH|CONFIG|CONFIG_PARAMETERS|CONFIG_COUNT|CONFIG_(KEY|VALUE)_\d+|CEILING_DIRECTORIES)|HEADLESS_PM_\w*KEY|API_KEY_HEADLESS_PM|AGENT_RUNNER_RUN_(ID|AGENT))$/

interface Passed {
  need: Need | null
  fits(name: string, value: string): boolean
}

let passed: readonly Passed[] = []

/** The form of an entry in the user's list: a name, a name with `*` at its end, or either of them for one kind of child: `hook:SLACK_*`. */
export const PASSED = /^(?:(agent|command|hook|git|probe):)?([A-Za-z_][A-Za-z0-9_]*\*?|\*)$/

/**
 * Sets what this process passes on from now on, besides what children need. An entry with `*` leaves secrets out; a secret named in full
 * is passed on.
 */
export function passOn(entries: readonly string[]): void {
  passed = entries.flatMap(entry => {
    const [, need, name = ''] = PASSED.exec(entry) ?? []
    if (name === '') return []
    const start = name.endsWith('*') ? name.slice(0, -1) : null
    const fits = (other: string, value: string) => (start === null ? other === name : other.startsWith(start) && !isSecret(other, value))
    return [{ need: (need as Need | undefined) ?? null, fits }]
  })
}
