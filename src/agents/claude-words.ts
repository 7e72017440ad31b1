/** Which part of a tool's input says most about the call, best first. */
const MAIN_ARGUMENTS = [
  'command',
  'file_path',
  'notebook_path',
  'pattern',
  'path',
  'url',
  'query',
  'description',
  'skill',
  'outcome',
  'prompt',
]

/** The main argument of a tool call on one line: the command of Bash, the path of Write, the pattern of Grep; '' when there is none. */
export function mainArgument(input: Record<string, unknown>): string {
  const named = MAIN_ARGUMENTS.map(name => input[name]).find(value => typeof value === 'string')
  const value = named ?? Object.values(input).find(value => typeof value === 'string')
  return cut(oneLine(String(value ?? '')), 300)
}

/** What a tool answered, in one short line. `content` is a text or a list of blocks. */
export function resultText(content: unknown): string {
  if (typeof content === 'string') return cut(oneLine(content.slice(0, 4_000)), 300)
  if (!Array.isArray(content)) return ''
  const texts = content
    .slice(0, 20)
    .map(block => (block && typeof block === 'object' && 'text' in block ? String(block.text).slice(0, 4_000) : ''))
  return cut(oneLine(texts.join(' ')), 300)
}

/** The text, or its beginning and an ellipsis. `size` in UTF-16 units; no character is cut in two. */
export function cut(text: string, size: number): string {
  return text.length <= size ? text : `${text.slice(0, size - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

function oneLine(text: string): string {
  return text.slice(0, 8_000).replace(/\s+/g, ' ').trim()
}
