import { accessSync, closeSync, constants, lstatSync, openSync, readSync, statSync } from 'node:fs'
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { HOOK_SUFFIXES, HOOKS, type HookName } from '../../core/ports/hooks.ts'

/** Where hooks are looked for, and the words that start this program again. */
export interface HookPlaces {
  /** The folder of --hooks-dir. */
  hooksDir: string | null
  repo: string
  /** The state folder; its `hooks/` is the user's. */
  home: string
  self: string[]
  /** Why no hook may be run: its repository is not trusted. It is asked again at each call. */
  refuses?: (hook: { origin: FoundHook['origin']; path: string }) => string | null
}

export interface FoundHook {
  name: HookName
  origin: 'hooks-dir' | 'repository' | 'user' | 'shipped'
  /** The file; for a shipped hook, which has none, `built in`. */
  path: string
  /** The words that start it; null for a shipped hook, which runs in this process. */
  command: string[] | null
  /** How it is run, in words. */
  runs: string
  /** Why it cannot be run; null when it can. A hook that somebody wrote is never skipped in silence. */
  problem: string | null
  /** Hooks of the same name that this one hides. */
  hides: string[]
}

const INTERPRETERS: Record<string, string> = { '.py': 'python3', '.sh': 'sh' }

/** The hook that counts for each name. Throws USAGE when the folder of --hooks-dir is not there. */
export function findHooks(places: HookPlaces): FoundHook[] {
  return HOOKS.map(name => findHook(name, places))
}

/** The hook that counts: the first of --hooks-dir, the repository's `hooks/`, the user's `hooks/`, ours. Same errors as `findHooks`. */
export function findHook(name: HookName, places: HookPlaces): FoundHook {
  if (places.hooksDir !== null && !statSync(places.hooksDir, { throwIfNoEntry: false })?.isDirectory())
    throw new RunnerError('USAGE', `--hooks-dir: there is no folder ${places.hooksDir}`)
  const folders: [FoundHook['origin'], string | null][] = [
    ['hooks-dir', places.hooksDir],
    ['repository', join(places.repo, 'hooks')],
    ['user', join(places.home, 'hooks')],
  ]
  const found: FoundHook[] = []
  for (const [origin, folder] of folders) {
    if (folder === null) continue
    for (const suffix of HOOK_SUFFIXES) {
      const path = resolve(folder, name + suffix)
      if (found.some(hook => hook.path === path) || !isThere(path)) continue
      const ways = waysToRun(path, suffix, places.self)
      found.push({ name, origin, path, hides: [], ...ways, problem: places.refuses?.({ origin, path }) ?? ways.problem })
    }
  }
  found.push({ name, origin: 'shipped', path: 'built in', command: null, runs: 'as a part of this program', problem: null, hides: [] })
  const [first, ...rest] = found as [FoundHook, ...FoundHook[]]
  return { ...first, hides: rest.filter(hook => hook.origin !== 'shipped').map(hook => hook.path) }
}

/** A link to nothing is there (somebody meant a hook); a folder of that name is not. */
function isThere(path: string): boolean {
  try {
    return !lstatSync(path).isDirectory() && !statSync(path, { throwIfNoEntry: false })?.isDirectory()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return code !== 'ENOENT' && code !== 'ENOTDIR'
  }
}

function waysToRun(path: string, suffix: string, self: string[]): Pick<FoundHook, 'command' | 'runs' | 'problem'> {
  const cannot = (problem: string) => ({ command: [path], runs: 'not at all', problem })
  let shebang: string | null
  try {
    if (!statSync(path).isFile()) return cannot('it is not a file')
    shebang = shebangOf(path)
  } catch (error) {
    return cannot(`it cannot be read: ${(error as Error).message}`)
  }
  if (shebang?.endsWith('\r'))
    return cannot('its first line ends in CRLF, so the system finds no such interpreter: save it with LF line ends')
  const executable = isExecutable(path)
  const script = ['.js', '.mjs', '.ts'].includes(suffix)
  const asksForNode = shebang !== null && /^\/usr\/bin\/env\s+node$/.test(shebang)
  // The machine may have no Node or an old one, so plain `node` means the one that this program runs on.
  if (script ? shebang === null || asksForNode : asksForNode && executable)
    return { command: [...runtime(self), path], runs: "by the runner's own Node.js", problem: null }
  if (executable && shebang !== null) return { command: [path], runs: 'directly', problem: missingOf(shebang.split(/\s+/)) }
  if (suffix !== '') {
    // Like the kernel: the interpreter, and all that follows as one argument.
    const words = shebang === null ? [INTERPRETERS[suffix] ?? ''] : (/^(\S+)(?:\s+(.*))?$/.exec(shebang) ?? []).slice(1).filter(Boolean)
    return { command: [...words, path], runs: `by ${words.join(' ')}`, problem: missingOf(words) }
  }
  if (executable) return { command: [path], runs: 'directly', problem: null }
  return cannot('it is not executable: chmod +x, or give it the suffix of its language')
}

/** The words that run a JavaScript or TypeScript file on this very runtime. The one file needs its hidden command for that. */
function runtime(self: string[]): string[] {
  return self.length === 1 ? [...self, 'exec-module'] : self.slice(0, 1)
}

function shebangOf(path: string): string | null {
  const file = openSync(path, 'r')
  try {
    const start = Buffer.alloc(256)
    const text = start.toString('latin1', 0, readSync(file, start))
    return text.startsWith('#!') ? (text.slice(2).split('\n', 1)[0] ?? '').replace(/^[ \t]+|[ \t]+$/g, '') : null
  } finally {
    closeSync(file)
  }
}

/** Why an interpreter cannot be started: it, or the program that `env` is to start, is not there. */
function missingOf([first = '', ...rest]: string[]): string | null {
  const asked = basename(first) === 'env' ? rest.find(word => !word.startsWith('-') && !word.includes('=')) : undefined
  const missing = [first, asked].find(program => program && !canStart(program))
  return missing ? `${missing} is not on this machine` : null
}

function canStart(program: string): boolean {
  if (isAbsolute(program)) return isExecutable(program)
  return (process.env.PATH ?? '').split(delimiter).some(folder => folder !== '' && isExecutable(join(folder, program)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
