import { keptBack } from '../../machine/process/child-environment.ts'
import { groupPlace } from '../../machine/process/groups.ts'
import { secretsShownAbove } from '../../machine/process/own-secrets.ts'
import { canAdoptOrphans } from '../../machine/process/subreaper.ts'
import { type Check, ok, warn } from './check.ts'

/** Which processes end with a run, whatever they do to get away. */
export const processes: Check = {
  name: 'processes',
  examine() {
    const place = groupPlace()
    if (place !== null) return ok(`what a run starts is held by a cgroup below ${place}`)
    const drops = 'no cgroup can be made here: a process that drops its environment and its session'
    // Most users have this. It is reported, and nobody need act.
    if (canAdoptOrphans()) return ok(`${drops} ends with its agent, but not when it is of a hook, or when the supervisor was killed`)
    return warn(
      `${drops} outlives its run`,
      'Run it where it may make cgroups: as root, or as a systemd service or `systemd-run --user --scope` with Delegate=yes, or in a container.',
    )
  },
}

/** Variables that a shell sets about itself. */
const OF_THE_SHELL = new Set(['PWD', 'OLDPWD', 'SHLVL', '_'])

/** Which environment variables are not passed on, and which processes show secrets to everything that is started. */
export const environment: Check = {
  name: 'environment',
  examine({ env }) {
    const shown = secretsShownAbove()
    if (shown.length > 0)
      return warn(
        `${shown.map(({ pid, name, names }) => `${name} (pid ${pid}) shows ${names.join(', ')}`).join('; ')} to every process of this user`,
        'Start the runner so that no process above it has keys in its environment: key files, EnvironmentFile= of systemd, or export in the shell.',
      )
    const kept = keptBack('agent', env).filter(name => !OF_THE_SHELL.has(name))
    const some = kept.slice(0, 8).join(', ')
    const rest = kept.length > 8 ? ` and ${kept.length - 8} more` : ''
    return ok(kept.length === 0 ? 'agents get all of it' : `agents do not get ${some}${rest}; --pass-env passes on by name`)
  },
}
