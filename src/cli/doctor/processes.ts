import { keptBack } from '../../children/environment.ts'
import { groupPlace } from '../../children/groups.ts'
import { secretsShownAbove } from '../../system/own-secrets.ts'
import { canAdoptOrphans } from '../../system/subreaper.ts'
import { type Check, ok, warn } from './check.ts'

/** What ends with a run, whatever it does to get away. */
export const processes: Check = {
  name: 'processes',
  examine() {
    const place = groupPlace()
    if (place !== null) return ok(`what a run starts is held by a cgroup below ${place}`)
    const advice =
      'Run it where it may make cgroups: as root, or as a systemd service or `systemd-run --user --scope` with Delegate=yes, or in a container.'
    const drops = 'a process that drops its environment and its session'
    return canAdoptOrphans()
      ? warn(
          `no cgroup can be made here: ${drops} is ended with its agent, but not when it is of a hook, or when the supervisor is killed`,
          advice,
        )
      : warn(`no cgroup can be made here, and orphans cannot be adopted: ${drops} outlives its run`, advice)
  },
}

/** What of the environment stays behind, and who shows secrets to all that is started. */
export const environment: Check = {
  name: 'environment',
  examine({ env }) {
    const shown = secretsShownAbove()
    if (shown.length > 0)
      return warn(
        `${shown.map(({ pid, name, names }) => `${name} (pid ${pid}) shows ${names.join(', ')}`).join('; ')} to every process of this user`,
        'Start the runner so that no process above it has keys in its environment: key files, EnvironmentFile= of systemd, or export in the shell.',
      )
    const kept = keptBack('agent', env)
    const some = kept.slice(0, 8).join(', ')
    const rest = kept.length > 8 ? ` and ${kept.length - 8} more` : ''
    return ok(kept.length === 0 ? 'agents get all of it' : `agents do not get ${some}${rest}; --pass-env passes on by name`)
  },
}
