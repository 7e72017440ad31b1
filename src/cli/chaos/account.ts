import { existsSync, readFileSync } from 'node:fs'

/** What an agent says that it has written: the text stands in the file, which has a name relative to its workspace. */
export interface Written {
  file: string
  text: string
}

/** What the scripted agents of one lane did for one run, by their own account. */
export interface Account {
  starts: number
  /** Requests to the model. */
  asked: number
  written: Written[]
  /** Starts that found something of an earlier attempt alive. */
  overlaps: number
}

/** Reads the account of a run from the log of `agent-script.ts`. A line that a kill cut is passed over. */
export function accountOf(log: string, runId: string): Account {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : []
  const account: Account = { starts: 0, asked: 0, written: [], overlaps: 0 }
  for (const line of lines) {
    const [what, ...words] = line.split(' ')
    if (what === 'start' && words[2] === runId) account.starts++
    if (what === 'asked' && words[0] === runId) account.asked++
    if (what === 'overlap' && words[1] === runId) account.overlaps++
    if (what === 'wrote' && words[0] === runId) account.written.push({ file: words[1] ?? '', text: words.slice(2).join(' ') })
  }
  return account
}
