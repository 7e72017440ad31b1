import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateFolder, temporaryName } from '../files/durable-file.ts'

const NAME = /^[0-9a-f]{32}$/

/**
 * The name under which a control plane knows this state folder. It is made at random when it is first needed: two machines whose runners
 * have the same agent id have different names, and a restart has the same. Any number of processes may ask at once.
 */
export function machineName(home: string): string {
  const path = join(privateFolder(home), 'machine')
  const known = read(path)
  if (known !== null && NAME.test(known)) return known
  // A file that holds no name is of no use to anybody.
  if (known !== null) rmSync(path, { force: true })
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const name = Buffer.from(bytes).toString('hex')
  const temporary = temporaryName(path)
  try {
    writeFileSync(temporary, name, { mode: 0o600 })
    linkSync(temporary, path)
    return name
  } catch (error) {
    // Another process was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return machineName(home)
  } finally {
    rmSync(temporary, { force: true })
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
