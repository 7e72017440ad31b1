import { MODEL_NAME, MODEL_NAME_WRONG } from '../../core/task.ts'
import { PASSED } from '../../machine/process/child-environment.ts'
import { choice, dollars, type Setting, text, type Z } from '../setting.ts'
import { ROLE } from './identity.ts'

const ROLE_NAME = 'expected role names of small letters, digits, dashes and underscores'
const PASSED_ON = 'expected names of environment variables, as in NAME, NAME_* or hook:NAME'
const ARGUMENTS = 'expected a list of arguments'

/** Arguments of the CLI on which the runner itself relies; a second one would break following and resuming. */
const OURS =
  /^(--|-p|--print|--output-format|--input-format|--verbose|--session-id|-r|--resume|-c|--continue|--fork-session|--model|--max-budget-usd|--json-schema|--permission-mode|--dangerously-skip-permissions)(=|$)/

const model = { ...text, schema: (z: Z) => text.schema(z).regex(MODEL_NAME, { error: MODEL_NAME_WRONG }) } as const

/** The agent CLI, its models and its budget. */
export const AGENT = {
  claudeCommand: {
    ...text,
    kind: 'command',
    flag: '--claude-command <command>',
    env: ['HEADLESS_PM_CLAUDE_COMMAND'],
    default: null,
    trust: 'trusted',
    says: 'The claude CLI, by name or path; without it, PATH and the usual places are searched.',
  },
  claudeArgs: {
    kind: 'arguments',
    unit: null,
    schema: (z: Z) =>
      z.array(
        z.string({ error: ARGUMENTS }).refine(argument => !OURS.test(argument), {
          error: 'expected only arguments that the runner does not set itself (mode, session, model, budget, permissions)',
        }),
        { error: ARGUMENTS },
      ),
    flag: '--claude-args <arguments>',
    env: ['HEADLESS_PM_CLAUDE_ARGS'],
    default: [],
    trust: 'trusted',
    says: 'Further arguments for the claude CLI, quoted as in a shell; files that they name count from where they are written.',
  },
  passEnv: {
    kind: 'list',
    unit: null,
    schema: (z: Z) => z.array(z.string({ error: PASSED_ON }).regex(PASSED, { error: PASSED_ON }), { error: PASSED_ON }),
    flag: '--pass-env <names>',
    env: ['HEADLESS_PM_PASS_ENV'],
    default: [],
    trust: 'trusted',
    says: 'Environment variables that agents, hooks, commands and git get besides what they need: NAME, NAME_*, or for one kind alone hook:NAME, agent:NAME, command:NAME, git:NAME.',
  },
  permissionMode: {
    ...choice('skip', 'acceptEdits', 'auto', 'bypassPermissions', 'dontAsk', 'manual', 'plan'),
    flag: '--permission-mode <mode>',
    env: ['HEADLESS_PM_PERMISSION_MODE'],
    default: 'skip',
    trust: 'trusted',
    says: 'What the agent may do without being asked; skip is --dangerously-skip-permissions, the others are modes of the CLI.',
  },
  'models.junior': {
    ...model,
    flag: '--model-junior <model>',
    env: ['HEADLESS_PM_MODEL_JUNIOR'],
    default: 'sonnet',
    trust: 'free',
    says: 'The model for junior tasks.',
  },
  'models.senior': {
    ...model,
    flag: '--model-senior <model>',
    env: ['HEADLESS_PM_MODEL_SENIOR'],
    default: 'sonnet',
    trust: 'free',
    says: 'The model for senior tasks.',
  },
  'models.principal': {
    ...model,
    flag: '--model-principal <model>',
    env: ['HEADLESS_PM_MODEL_PRINCIPAL'],
    default: 'opus',
    trust: 'free',
    says: 'The model for principal tasks.',
  },
  'models.roles': {
    kind: 'record',
    unit: null,
    schema: (z: Z) =>
      z.record(z.string().regex(ROLE, { error: ROLE_NAME }), model.schema(z), {
        error: issue => (issue.code === 'invalid_key' ? ROLE_NAME : 'expected a model per role, as in qa=opus'),
      }),
    flag: '--model-roles <pairs>',
    env: ['HEADLESS_PM_MODEL_ROLES'],
    default: {},
    trust: 'free',
    says: 'Models per role (qa=opus,pm=haiku); they go before those per level.',
  },
  maxCost: {
    ...dollars,
    flag: '--max-cost <dollars>',
    env: ['HEADLESS_PM_MAX_COST'],
    default: null,
    trust: 'no-more',
    says: 'The most that one task may cost over all its attempts, unless the task says otherwise.',
  },
} as const satisfies Record<string, Setting>
