import { existsSync, readFileSync } from 'node:fs'

/** A file that an agent says it has written: the text, and the name of the file relative to its workspace. */
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

/** Reads the account of a run from the log of `agent-script.ts`. It skips a line that a kill has cut. */
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
