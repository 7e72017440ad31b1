import { fstatSync } from 'node:fs'
import { dropOwnersKey, keepOwnersKey } from '../../machine/files/owners-key.ts'
import type { RunningServer } from '../../server/server.ts'
import type { CommandIo } from '../command/command-io.ts'
import { version } from '../command/version.ts'
import { shownWord } from '../output/shown-word.ts'

/** How the owner of a server that was just started gets in. */
export interface Access {
  /** The file with the owner's key; null where everybody on this machine may get in, or where the file could not be written. */
  file: string | null
  /** Removes the file, which lasts as long as the server. */
  close(): void
}

/**
 * Keeps the owner's key in the state folder for as long as the server runs. If the folder cannot be written to, it only warns: there are
 * other keys.
 */
export function openAccess({ owner }: RunningServer, home: string, io: Pick<CommandIo, 'stderr'>): Access {
  if (!owner) return { file: null, close: () => {} }
  const { address, key } = owner
  try {
    return { file: keepOwnersKey(home, address, key), close: () => dropOwnersKey(home, address, key) }
  } catch (error) {
    io.stderr.write(`the owner's key could not be kept in ${home}: ${(error as Error).message}\n`)
    return { file: null, close: () => {} }
  }
}

/** What people are told at the start. */
export function greeting({ url, owner }: RunningServer, { file }: Access, database: string, io: Pick<CommandIo, 'env'>): string {
  const who = owner ? 'with keys' : 'open to everybody on this machine, who may run commands as you'
  const lines = [`Agent Runner ${version()} serves ${url} (${who}; database: ${database})`]
  if (owner && file !== null) {
    const { port } = new URL(`http://${owner.address}`)
    const link = isReadByOthers(io.env)
      ? `agent-runner keys link --port ${port || 80} prints a link (not here, where others can read it)`
      : `${owner.link} (works once, for ten minutes)`
    lines.push(`In the browser: ${link}`, `In a shell: curl -H @${shownWord(file)} ${url}/runs`)
  } else lines.push(`The API: ${url}/docs`)
  return `${lines.join('\n')}\n`
}

/** Whether other users of the machine may read what is printed: it goes to a file with such a mode, or to the system's journal. */
function isReadByOthers(env: NodeJS.ProcessEnv): boolean {
  if (env.JOURNAL_STREAM) return true
  try {
    const stdout = fstatSync(1)
    return stdout.isFile() && (stdout.mode & 0o044) !== 0
  } catch {
    return true
  }
}
