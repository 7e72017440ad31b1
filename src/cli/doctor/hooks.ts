import { ERRORS } from '../../core/errors.ts'
import { findHooks } from '../../machine/hooks/hook-discovery.ts'
import { hookOptions } from '../compose/hook-settings.ts'
import { type Check, fail, ok } from './check.ts'

/** Which hook counts for each name, and whether it can be run. */
export const hooks: Check = {
  name: 'hooks',
  examine({ config, self }) {
    const found = findHooks({ ...hookOptions(config), self })
    const broken = found.filter(hook => hook.problem !== null)
    if (broken.length > 0)
      return fail(
        ERRORS.CONFIG_INVALID,
        broken.map(hook => `${hook.path}: ${hook.problem}`).join('; '),
        'Mend the hook; `agent-runner hooks list` shows them all.',
      )
    return ok(found.map(hook => `${hook.name} ${hook.origin === 'shipped' ? 'shipped' : hook.path}`).join(', '))
  },
}
