import { isUtf8 } from 'node:buffer'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type PlainFile, readPlainFile } from '../../machine/files/plain-file.ts'
import { skillFoldersBelow } from './nested-skills.ts'

/** Where the `claude` CLI finds texts that it gives to its model, and from some of which it runs commands by itself. Skills also stand further below. */
const FOLDERS = ['.claude/skills', '.claude/commands', '.claude/agents']

/** The keys that a text may have freely: its name and its purpose. Hooks, servers and all others run something. */
const FREE = [
  'name',
  'description',
  'when_to_use',
  'argument-hint',
  'arguments',
  'model',
  'color',
  'version',
  'license',
  'tags',
  'category',
].concat(['disable-model-invocation', 'user-invocable', 'tools', 'disallowedTools', 'disallowed-tools', 'effort', 'metadata'])
/** Where the agent may do everything anyway, a permission in a text adds nothing. */
const PERMITS = ['allowed-tools', 'permissionMode']
/** Commands in a text that the CLI runs before its model sees it. */
const COMMANDS = /!`|```!/

/** Characters that some readers of YAML take for the end of a line, and characters that are no text. */
const ODD_BREAKS = /[\0\v\f\u0085\u2028\u2029]/

/** Beyond these limits, files, folders and texts are not looked at, and so are not free. */
const MOST = { files: 1_000, depth: 8, bytes: 1024 * 1024 }

/** A text in a checkout that makes the CLI run something. */
export interface RunningText {
  name: string
  /** In words. */
  why: string
  text: string
}

const TOO_LARGE = 'it is too large to be looked at'

/** The texts from which the CLI would run something by itself, each by its name from the checkout. */
export function runningTexts(checkout: string, skipsPermissions: boolean): RunningText[] {
  const found: RunningText[] = []
  let seen = 0
  const free = skipsPermissions ? [...FREE, ...PERMITS] : FREE

  function walk(folder: string, depth: number): void {
    for (const entry of entriesOf(join(checkout, folder))) {
      const name = `${folder}/${entry}`
      const isFolder = isFolderAt(join(checkout, name))
      const read = !isFolder && /\.md$/i.test(entry) ? readText(join(checkout, name)) : null
      if (++seen > MOST.files || depth > MOST.depth || read?.is === 'large') {
        if (found.at(-1)?.name !== folder) found.push({ name: folder, why: TOO_LARGE, text: TOO_LARGE })
        return
      }
      if (isFolder) walk(name, depth + 1)
      // The CLI would wait for ever, or read without end.
      else if (read?.is === 'other') found.push({ name, why: `it ${read.says}`, text: read.says })
      else if (read?.is === 'file') {
        const text = read.bytes.toString('utf8')
        if (!isUtf8(read.bytes)) found.push({ name, why: 'it is no UTF-8', text: read.bytes.toString('latin1') })
        else if (COMMANDS.test(text) || !isFreeHead(text, free)) found.push({ name, why: 'it runs commands', text })
      }
    }
  }
  for (const folder of FOLDERS) walk(folder, 0)
  const below = skillFoldersBelow(checkout)
  if (typeof below === 'string') found.push({ name: '.claude/skills below', why: below, text: below })
  else for (const folder of below) walk(folder, 0)
  return found
}

function isFolderAt(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function readText(path: string): PlainFile {
  try {
    return readPlainFile(path, MOST.bytes)
  } catch (thrown) {
    return { is: 'other', says: `cannot be read (${(thrown as NodeJS.ErrnoException).code})` }
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

/**
 * Whether the head of a text (its front matter) is plainly a group of keys that are free. It is judged by its lines and not by what a parser makes of it,
 * because the CLI has a parser of its own, and mends what that refuses. Keys of one group are all indented alike, so where the first stands at the
 * margin no other can stand elsewhere; whatever else is at the margin (quotes, brackets, tags, merges, further documents) is not plain.
 */
function isFreeHead(text: string, free: string[]): boolean {
  const [, head] = /^\s*---[^\n]*\n(.*?)(?:\n---|$)/s.exec(text) ?? []
  if (head === undefined) return true
  if (ODD_BREAKS.test(head)) return false
  const lines = head.split(/\r?\n|\r/).filter(line => line.trim() !== '')
  const isFreeKey = (line: string) => free.includes(/^([A-Za-z][\w-]*)[ \t]*:(?:\s|$)/.exec(line)?.[1] ?? '')
  const first = lines.find(line => !line.startsWith('#'))
  if (first === undefined) return true
  return isFreeKey(first) && lines.every(line => /^(?:\s|#|- )/.test(line) || isFreeKey(line))
}
