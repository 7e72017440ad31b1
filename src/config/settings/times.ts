import { type Setting, seconds, type Z } from '../setting.ts'

/** A tracker frees a lock whose agent was not seen for half an hour, so the heartbeat must stay well below that. */
const HEARTBEAT = 'expected a number of seconds from 0.1 to 1500'

/** Deadlines and intervals. */
export const TIMES = {
  claudeTimeout: {
    ...seconds,
    flag: '--claude-timeout <seconds>',
    env: ['HEADLESS_PM_CLAUDE_TIMEOUT'],
    default: 600,
    trust: 'free',
    says: 'How long one attempt of the agent may take.',
  },
  silentAfter: {
    ...seconds,
    flag: '--silent-after <seconds>',
    env: ['HEADLESS_PM_SILENT_AFTER'],
    default: 300,
    trust: 'free',
    says: 'An agent without output and without work for this long is stopped and resumed.',
  },
  usageLimitWait: {
    ...seconds,
    flag: '--usage-limit-wait <seconds>',
    env: ['HEADLESS_PM_USAGE_LIMIT_WAIT'],
    default: 900,
    trust: 'free',
    says: 'How long to wait at a usage limit when the CLI does not say when it ends.',
  },
  taskCheckInterval: {
    ...seconds,
    flag: '--task-check-interval <seconds>',
    env: ['HEADLESS_PM_TASK_CHECK_INTERVAL'],
    sharedEnv: ['WORKER_CHECK_INTERVAL'],
    default: 30,
    trust: 'free',
    says: 'How long one wait for the next task lasts.',
  },
  healthCheckInterval: {
    ...seconds,
    flag: '--health-check-interval <seconds>',
    env: ['HEADLESS_PM_HEALTH_CHECK_INTERVAL'],
    default: 300,
    trust: 'free',
    says: 'How often the health_check hook runs, also during a task.',
  },
  heartbeatInterval: {
    ...seconds,
    schema: (z: Z) => z.number({ error: HEARTBEAT }).min(0.1, { error: HEARTBEAT }).max(1500, { error: HEARTBEAT }),
    flag: '--heartbeat-interval <seconds>',
    env: ['HEADLESS_PM_HEARTBEAT_INTERVAL'],
    default: 240,
    trust: 'free',
    says: 'How often the tracker is told during a task that the agent is alive.',
  },
} as const satisfies Record<string, Setting>
