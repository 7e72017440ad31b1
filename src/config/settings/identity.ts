import { AGENT_ID, LEVELS } from '../../core/task.ts'
import { choice, like, path, type Setting, type Z } from '../setting.ts'

/** The form of a role's name. It names files, so nothing else may be in it. */
export const ROLE = /^[a-z][a-z0-9_-]{0,63}$/

const LABELS = 'expected up to 50 words such as linux, gpu'

/** Who works, and where. */
export const IDENTITY = {
  agentId: {
    ...like(AGENT_ID, 'expected 1 to 64 letters, digits, dots, dashes or underscores'),
    flag: '--agent-id <id>',
    env: ['HEADLESS_PM_AGENT_ID'],
    default: null,
    trust: 'free',
    says: 'The name under which the runner works; one runner per name on a machine.',
  },
  role: {
    ...like(ROLE, 'expected a role such as backend_dev: small letters, digits, dashes and underscores'),
    flag: '--role <role>',
    env: ['HEADLESS_PM_ROLE'],
    default: null,
    trust: 'free',
    says: 'What the agent does, for example backend_dev, frontend_dev, fullstack_dev, qa, architect or pm.',
  },
  level: {
    ...choice(...LEVELS),
    flag: '--level <level>',
    env: ['HEADLESS_PM_LEVEL'],
    default: 'senior',
    trust: 'free',
    says: 'The highest seniority of the tasks that the agent takes.',
  },
  labels: {
    kind: 'list',
    unit: null,
    schema: (z: Z) =>
      z.array(z.string({ error: LABELS }).regex(/^[^\s,]{1,100}$/, { error: LABELS }), { error: LABELS }).max(50, { error: LABELS }),
    flag: '--labels <words>',
    env: ['HEADLESS_PM_LABELS'],
    default: [],
    trust: 'free',
    says: 'What the runner has, such as linux or gpu: a task of the control plane that asks for labels is given only to who has all of them.',
  },
  repo: {
    ...path,
    flag: '--repo <folder>',
    env: ['HEADLESS_PM_REPO'],
    default: '.',
    trust: 'never',
    says: 'The repository to work in; without it, the one around the current directory.',
  },
  home: {
    ...path,
    flag: '--home <folder>',
    env: ['HEADLESS_PM_HOME'],
    default: '~/.headless-pm',
    trust: 'never',
    says: 'The state folder: lock files, runs, the embedded board and the user file config.json.',
  },
  roleInstructionsDir: {
    ...path,
    flag: '--role-instructions-dir <folder>',
    env: ['HEADLESS_PM_ROLE_INSTRUCTIONS_DIR'],
    default: null,
    trust: 'inside',
    says: 'A folder with one file of instructions per role (backend_dev.md) that goes before the usual places.',
  },
} as const satisfies Record<string, Setting>
