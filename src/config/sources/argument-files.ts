/**
 * Arguments of the agent CLI that name files (settings, servers, agents, plugins and prompts) from which it runs commands or learns what
 * to do.
 */
const NAMES_FILES = /^--(?:mcp-config|settings|agents|plugin-dir|(?:append-)?system-prompt-file)$/

/** Makes the files that arguments name absolute: the CLI works in a checkout of any branch, and would look there for a relative name. */
export function withAbsoluteFiles(words: string[], absolute: (path: string) => string): string[] {
  const file = (word: string) => (word === '' || /^\s*[{[]/.test(word) ? word : absolute(word))
  let names = false
  return words.map(word => {
    if (!word.startsWith('-')) return names ? file(word) : word
    const [flag = '', value] = word.split(/=(.*)/s)
    names = NAMES_FILES.test(flag)
    return names && value !== undefined ? `${flag}=${file(value)}` : word
  })
}
