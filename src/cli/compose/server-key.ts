import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Config } from '../../config/config.ts'
import { RunnerError } from '../../core/errors.ts'
import { ownersKey, ownersKeyFile } from '../../machine/files/owners-key.ts'

const ADVICE = 'Write the key that `agent-runner keys create --kind worker` printed into the file, and nothing else.'

/** The key of the control plane, also from its file; null without one. Throws CONFIG_INVALID when the file cannot be read or holds none. */
export function serverKeyOf({ serverKey: key, serverKeyFile: file }: Config['values']): string | null {
  if (key !== null || file === null) return key
  const text = read(file).trim()
  if (text === '') throw new RunnerError('CONFIG_INVALID', `the key file ${file} is empty`, { advice: ADVICE })
  if (/\s/.test(text))
    throw new RunnerError('CONFIG_INVALID', `the key file ${file} holds more than one word; a key alone belongs there`, { advice: ADVICE })
  return text
}

/**
 * The control plane's address and key. Without a configured key, a server of the same state folder on this machine is used with its
 * owner's key, which is read at each call, because a server that starts again has another one. The key goes only to the address that it
 * was kept for.
 */
export function serverAccess(values: Config['values']): { url: string; key: string | null | (() => string | null) } {
  const url = values.server ?? ''
  const key = serverKeyOf(values)
  const address = key === null ? ownAddress(values.home, url) : null
  if (address === null) return { url, key }
  return { url: `http://${address}`, key: () => ownersKey(values.home, address) }
}

/**
 * The address of the server of this state folder that the URL refers to; null when it refers to another server. A name may lead to
 * several addresses.
 */
function ownAddress(home: string, url: string): string | null {
  const { protocol, hostname, port, pathname } = new URL(url)
  if (protocol !== 'http:' || pathname !== '/') return null
  const address = `${hostname}:${port || 80}`
  if (isIP(hostname.replace(/^\[(.*)\]$/, '$1'))) return address
  if (hostname !== 'localhost') return null
  return ['127.0.0.1', '[::1]'].map(number => `${number}:${port || 80}`).find(one => existsSync(ownersKeyFile(home, one))) ?? null
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'is not there' : `cannot be read: ${message}`
    throw new RunnerError('CONFIG_INVALID', `the key file ${file} ${why}`, { advice: ADVICE })
  }
}
