import { TASK_STATUSES } from '../../core/task.ts'
import { choice, count, grace, path, type Setting, seconds, type Z } from '../setting.ts'
import { ROLE } from './identity.ts'

/** Hooks, the words that a role's runs end in, and how often something is tried. */
export const RULES = {
  hooksDir: {
    ...path,
    flag: '--hooks-dir <folder>',
    env: ['HEADLESS_PM_HOOKS_DIR'],
    default: null,
    trust: 'trusted',
    says: "A folder with hooks that goes before the repository's hooks/ and the user's.",
  },
  hookTimeout: {
    ...seconds,
    flag: '--hook-timeout <seconds>',
    env: ['HEADLESS_PM_HOOK_TIMEOUT'],
    default: 30,
    trust: 'free',
    says: 'How long a hook may run before it is killed.',
  },
  onHookFailure: {
    ...choice('give-back', 'skip', 'stop'),
    flag: '--on-hook-failure <answer>',
    env: ['HEADLESS_PM_ON_HOOK_FAILURE'],
    default: 'give-back',
    trust: { free: ['give-back', 'stop'] },
    says: 'What to do when pre_task refuses and nobody can be asked: give the task back, skip the check, or stop the runner.',
  },
  onUnhealthy: {
    ...choice('pause', 'warn'),
    flag: '--on-unhealthy <answer>',
    env: ['HEADLESS_PM_ON_UNHEALTHY'],
    default: 'pause',
    trust: { free: ['pause'] },
    says: 'What to do while the health_check hook fails: take no task, or only say so and go on.',
  },
  roles: {
    kind: 'record',
    unit: null,
    schema: (z: Z) => {
      const status = z.enum(TASK_STATUSES, { error: `expected one of ${TASK_STATUSES.join(', ')}` }).optional()
      const verdict = z.boolean({ error: 'expected true or false' }).optional()
      const row = z.strictObject(
        { done: status, sentBack: status, verdict },
        {
          error: issue =>
            issue.code === 'unrecognized_keys' ? 'expected only done, sentBack and verdict' : 'expected done, sentBack, verdict',
        },
      )
      const error = 'expected a mapping of roles to done, sentBack and verdict'
      return z.record(z.string().regex(ROLE), row, { error: () => error })
    },
    flag: null,
    env: ['HEADLESS_PM_ROLES'],
    default: {},
    trust: 'trusted',
    says: 'Per role: the status after success (done), after a failed check (sentBack), and whether a verdict is asked for (verdict).',
  },
  maxAttempts: {
    ...count,
    flag: '--max-attempts <times>',
    env: ['HEADLESS_PM_MAX_ATTEMPTS'],
    default: 3,
    trust: 'free',
    says: 'How often the agent may fail at a task before it is parked.',
  },
  maxInterruptions: {
    ...count,
    flag: '--max-interruptions <times>',
    env: ['HEADLESS_PM_MAX_INTERRUPTIONS'],
    default: 10,
    trust: 'free',
    says: 'How often the agent may be killed from outside during a task before it is parked.',
  },
  killGrace: {
    ...grace,
    flag: '--kill-grace <seconds>',
    env: ['HEADLESS_PM_KILL_GRACE'],
    default: 10,
    trust: 'free',
    says: 'How long a process has between TERM and KILL.',
  },
  wishGrace: {
    ...grace,
    flag: '--wish-grace <seconds>',
    env: ['HEADLESS_PM_WISH_GRACE'],
    default: 1,
    trust: 'free',
    says: 'How long an agent has between TERM and KILL when somebody pauses, stops or directs its run; never longer than the kill grace.',
  },
  resultGrace: {
    ...grace,
    flag: '--result-grace <seconds>',
    env: ['HEADLESS_PM_RESULT_GRACE'],
    default: 10,
    trust: 'free',
    says: 'How long the agent CLI may take to exit after its result; the result counts in any case.',
  },
  verbose: {
    ...choice('yes', 'no'),
    flag: '-v, --verbose',
    flagMeans: 'yes',
    env: ['HEADLESS_PM_VERBOSE'],
    default: 'no',
    trust: 'free',
    says: 'Whether the output tells at length what the agent thinks and what its tools answer; the flag says yes.',
  },
  logFormat: {
    ...choice('auto', 'pretty', 'plain', 'json'),
    flag: '--log-format <format>',
    env: ['HEADLESS_PM_LOG_FORMAT'],
    default: 'auto',
    trust: 'free',
    says: 'How the log looks; auto is pretty on a terminal and plain elsewhere.',
  },
} as const satisfies Record<string, Setting>
