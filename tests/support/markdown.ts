import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The text without fenced blocks and code spans, in which nothing is a link or a heading. */
const prose = (text: string) =>
  text.replace(/^ *(```|~~~)[\s\S]*?^ *\1 *$/gm, '').replace(/(`+)[\s\S]*?\1/g, code => code.replace(/[[\]()#]/g, ''))

/** Where links of a Markdown text lead, without those to other sites. */
function relativeLinks(text: string): string[] {
  return Array.from(prose(text).matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g), ([, target]) => target!).filter(
    target => !/^[a-z][a-z+.-]*:/i.test(target),
  )
}

/** The names by which headings of a Markdown text are linked to, as GitHub makes them. */
export function anchors(text: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading] of prose(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const plain = heading!.replace(/\]\([^)]*\)/g, '').replaceAll(/[`*[\]]/g, '')
    const name = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let unique = name
    for (let again = 1; found.has(unique); again += 1) unique = `${name}-${again}`
    found.add(unique)
  }
  return found
}

/** Links of a Markdown file that lead nowhere: to no file or folder, or to no heading of the file that they name. */
export function deadLinks(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return relativeLinks(text).filter(link => {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? file : resolve(dirname(file), decodeURIComponent(path))
    if (!existsSync(target)) return true
    if (anchor === undefined) return false
    const document = statSync(target).isDirectory() ? join(target, 'README.md') : target
    return !existsSync(document) || !anchors(readFileSync(document, 'utf8')).has(anchor)
  })
}

/** The source files that a text names and that are in no folder of the list. A name may leave out the folders at its beginning. */
export function missingFiles(text: string, files: string[]): string[] {
  const named = new Set(Array.from(text.matchAll(/(?<![\w*./{}-])(?:\.{0,2}\/)*([\w-][\w./-]*\.(?:ts|cjs|bats))\b/g), ([, name]) => name!))
  return [...named].filter(name => !files.some(file => file === name || file.endsWith(`/${name}`)))
}
