import { readFileSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import { RunnerError } from '../../core/errors.ts'

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

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'is not there' : `cannot be read: ${message}`
    throw new RunnerError('CONFIG_INVALID', `the key file ${file} ${why}`, { advice: ADVICE })
  }
}
