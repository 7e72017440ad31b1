import { RunnerError } from '../../core/errors.ts'
import { isKey } from '../schema.ts'
import { beyondLimits } from './yaml-size.ts'

/**
 * The text of a project file with some settings changed; comments, order and everything else stay. `''` makes a new one. Throws
 * CONFIG_INVALID for a text beyond the limits.
 */
export async function projectFileWith(text: string, settings: Record<string, unknown>): Promise<string> {
  const beyond = beyondLimits(text)
  if (beyond !== null) throw new RunnerError('CONFIG_INVALID', `the file is left as it is: ${beyond}`)
  const { isMap, parseDocument } = await import('yaml')
  const document = parseDocument(text)
  for (const [key, value] of Object.entries(settings)) {
    // A dotted key in the file stays dotted.
    const dotted = isKey(key) && isMap(document.contents) && document.contents.has(key)
    document.setIn(dotted ? [key] : key.split('.'), value)
  }
  return document.toString({ lineWidth: 0 })
}
