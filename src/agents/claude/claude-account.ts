import { createHash } from 'node:crypto'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { readJson } from '../../core/json.ts'
import { homeFolder } from '../../machine/process/home-folder.ts'
import { claudeConfigDir } from './claude-transcript.ts'

/** The variables that name another place than that of the login for requests. */
const PLACES = [
  'ANTHROPIC_BASE_URL',
  'CLAUDE_CODE_USE_BEDROCK',
  'CLAUDE_CODE_USE_VERTEX',
  'CLAUDE_CODE_USE_FOUNDRY',
  'AWS_PROFILE',
  'AWS_REGION',
  'ANTHROPIC_VERTEX_PROJECT_ID',
  'ANTHROPIC_FOUNDRY_RESOURCE',
]
/** The variables that override the login of the CLI, in its order (2.1.329). */
const KEYS = ['ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_API_KEY', 'CLAUDE_CODE_OAUTH_TOKEN']
const LARGEST = 64 * 1024 ** 2

const settings = z.object({ oauthAccount: z.object({ accountUuid: z.string().min(1), organizationUuid: z.string().catch('') }) })

/**
 * The account of the CLI in this environment as a short hash: of the key or token where one is set, else of the account that is logged
 * in, else of the place of the login. Never throws.
 */
export function claudeAccount(env: NodeJS.ProcessEnv): string {
  const key = KEYS.find(name => env[name])
  const who = key ? [key, env[key]] : login(env)
  const text = JSON.stringify([PLACES.map(name => env[name] ?? ''), who])
  return `claude-${createHash('sha256').update(text).digest('hex').slice(0, 24)}`
}

/** Several folders of settings may hold the login of one account; its limits are the same then. */
function login(env: NodeJS.ProcessEnv): string[] {
  const folder = claudeConfigDir(env)
  const file = join(env.CLAUDE_CONFIG_DIR || env.HOME || (homeFolder() ?? '/'), '.claude.json')
  try {
    if (statSync(file).size <= LARGEST) {
      const { oauthAccount } = settings.parse(readJson(readFileSync(file, 'utf8')))
      return ['account', oauthAccount.accountUuid, oauthAccount.organizationUuid]
    }
  } catch {
    // No such file, or nobody is logged in there.
  }
  try {
    return ['folder', realpathSync.native(folder)]
  } catch {
    return ['folder', folder]
  }
}
