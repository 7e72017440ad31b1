import { check } from '../../config/check.ts'
import { flagName, type Key } from '../../config/schema.ts'
import type { Z } from '../../config/setting.ts'
import { RunnerError } from '../../core/errors.ts'

/** A flag's text as the setting's value. Throws USAGE, in one line, when it does not fit. */
export function checkedFlag(z: Z, key: Key, text: string): unknown {
  const checked = check(z, key, { raw: text, asText: true, source: { kind: 'flag', name: flagName(key) ?? key, path: null, line: null } })
  if ('problem' in checked) throw new RunnerError('USAGE', checked.problem.message)
  return checked.value
}
