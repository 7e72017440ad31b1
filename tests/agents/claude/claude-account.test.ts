import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claudeAccount } from '../../../src/agents/claude/claude-account.ts'
import { tempFolder } from '../../support/temp.ts'

/** A user's home, in which somebody may be logged in. */
function home(account?: string) {
  const folder = tempFolder()
  mkdirSync(join(folder, '.claude'))
  const login = { oauthAccount: { accountUuid: account, organizationUuid: 'org' }, numStartups: 3 }
  if (account) writeFileSync(join(folder, '.claude.json'), JSON.stringify(login))
  return folder
}

test('whoever uses the same key shares its limits, wherever the settings are', () => {
  const [one, other] = [
    { HOME: home(), ANTHROPIC_API_KEY: 'sk-ant-1' },
    { HOME: home(), ANTHROPIC_API_KEY: 'sk-ant-1' },
  ]
  expect(claudeAccount(one)).toBe(claudeAccount(other))
  expect(claudeAccount({ ...one, ANTHROPIC_API_KEY: 'sk-ant-2' })).not.toBe(claudeAccount(one))
  expect(claudeAccount({ ...one, ANTHROPIC_BASE_URL: 'https://gateway.example' })).not.toBe(claudeAccount(one))
  expect(claudeAccount(one)).not.toContain('sk-ant')
})

test('logins of one account in several folders share its limits; another account has its own', () => {
  const account = claudeAccount({ HOME: home('11111111') })
  expect(claudeAccount({ HOME: home('11111111') })).toBe(account)
  const folder = tempFolder()
  writeFileSync(join(folder, '.claude.json'), '{"oauthAccount":{"accountUuid":"11111111","organizationUuid":"org"}}')
  expect(claudeAccount({ HOME: home('22222222'), CLAUDE_CONFIG_DIR: folder })).toBe(account)
  expect(claudeAccount({ HOME: home('22222222') })).not.toBe(account)
})

test('a login that is changed is another account at once', () => {
  const folder = home('11111111')
  const before = claudeAccount({ HOME: folder })
  writeFileSync(join(folder, '.claude.json'), '{"oauthAccount":{"accountUuid":"22222222"}}')
  expect(claudeAccount({ HOME: folder })).not.toBe(before)
})

test('where nobody can tell who is logged in, the folder of the login counts, however it is reached', () => {
  const folder = home()
  const link = join(tempFolder(), 'link')
  symlinkSync(join(folder, '.claude'), link)
  writeFileSync(join(folder, '.claude.json'), 'not JSON')
  const account = claudeAccount({ HOME: folder })
  expect(claudeAccount({ HOME: '/nowhere', CLAUDE_CONFIG_DIR: link })).toBe(account)
  expect(claudeAccount({ HOME: home() })).not.toBe(account)
})
