import { expect, onTestFinished, test } from 'vitest'
import { childEnvironment, keptBack, type Need, passOn } from '../../../src/machine/process/child-environment.ts'

const KINDS: Need[] = ['agent', 'command', 'hook', 'git', 'probe', 'own']

const SECRETS = {
  HEADLESS_PM_API_KEY: 'k',
  HEADLESS_PM_SERVER_KEY: 'k',
  API_KEY_HEADLESS_PM: 'k',
  API_KEY: 'k',
  GITHUB_TOKEN: 'k',
  NPM_TOKEN: 'k',
  PGPASSWORD: 'k',
  DATABASE_URL: 'postgres://u:p@h/db',
  HEADLESS_PM_DATABASE: 'postgres://u:p@h/db',
  AWS_SECRET_ACCESS_KEY: 'k',
  SOMETHING_OF_THE_USER: 'x',
  // Names that a list of tools would let through.
  PIP_INDEX_URL: 'https://u:p@pypi.example/simple',
  POETRY_PYPI_TOKEN_SHOP: 'k',
  CARGO_REGISTRY_TOKEN: 'k',
  GEM_HOST_API_KEY: 'k',
}

const PLACES = Object.fromEntries(
  `GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_NAMESPACE GIT_PREFIX
   GIT_CONFIG GIT_CONFIG_PARAMETERS GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_CEILING_DIRECTORIES GIT_QUARANTINE_PATH
   GIT_IMPLICIT_WORK_TREE GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_INTERNAL_SUPER_PREFIX GIT_AUTHOR_NAME GIT_EXEC_PATH GIT_TRACE GIT_REPLACE_REF_BASE`
    .split(/\s+/)
    .map(name => [name, 'x']),
)

const DEBUGGERS = {
  NODE_OPTIONS: '--inspect-brk',
  NODE_DEBUG: 'http',
  NODE_V8_COVERAGE: '/c',
  VSCODE_INSPECTOR_OPTIONS: '{}',
  LD_PRELOAD: '/x.so',
  DYLD_INSERT_LIBRARIES: '/x',
  BASH_ENV: '/x',
  ENV: '/x',
  PYTHONSTARTUP: '/x',
  PYTHONINSPECT: '1',
  RUBYOPT: '-rdebug',
  PERL5OPT: '-d',
  JAVA_TOOL_OPTIONS: '-agentlib:jdwp',
  SSH_ASKPASS: '/x',
  EDITOR: 'vi',
  DISPLAY: ':0',
}

const SESSION = {
  CLAUDECODE: '1',
  CLAUDE_CODE_SESSION_ID: 's',
  CLAUDE_CODE_ENTRYPOINT: 'cli',
  CLAUDE_CODE_REMOTE: '1',
  CLAUDE_PROJECT_DIR: '/p',
  AI_AGENT: 'x',
}

test.each(KINDS)('no secret, place of a repository, debugger or outer session reaches a child of the kind %s', need => {
  const ours = { ...SECRETS, ...PLACES, ...DEBUGGERS, ...SESSION, PATH: '/bin' }
  const env = childEnvironment(need, ours)
  const got = Object.keys(ours).filter(name => name in env)
  expect(got).toEqual(['PATH'])
  expect(keptBack(need, ours)).toHaveLength(Object.keys(ours).length - 1)
})

test.each(KINDS)('a child of the kind %s finds programs and files, and is asked nothing', need => {
  const ours = { PATH: '/bin', HOME: '/home/u', TMPDIR: '/t', LANG: 'de_DE.UTF-8', LC_ALL: 'C', TERM: 'xterm', XDG_CONFIG_HOME: '/c' }
  expect(childEnvironment(need, ours)).toMatchObject({ ...ours, TERM: 'dumb', GIT_TERMINAL_PROMPT: '0', GIT_EDITOR: 'true' })
})

test('the agent logs in with what is its own, and no other child gets that', () => {
  const login = { ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: 'http://m', CLAUDE_CODE_OAUTH_TOKEN: 'k', CLAUDE_CONFIG_DIR: '/c' }
  expect(childEnvironment('agent', login)).toMatchObject(login)
  for (const need of KINDS.filter(kind => kind !== 'agent')) expect(keptBack(need, login)).toEqual(Object.keys(login))
})

test('the login of a cloud goes to an agent that was told to use it', () => {
  const cloud = { AWS_PROFILE: 'p', AWS_SECRET_ACCESS_KEY: 'k' }
  expect(keptBack('agent', cloud)).toEqual(Object.keys(cloud))
  expect(childEnvironment('agent', { ...cloud, CLAUDE_CODE_USE_BEDROCK: '1' })).toMatchObject(cloud)
  expect(keptBack('command', { ...cloud, CLAUDE_CODE_USE_BEDROCK: '1' })).toHaveLength(3)
})

test('proxies and certificates go to all that use the network, tools to all that build', () => {
  const ours = { HTTPS_PROXY: 'http://u:p@proxy', SSL_CERT_FILE: '/c', JAVA_HOME: '/j', CARGO_HOME: '/c', PYENV_ROOT: '/p' }
  for (const need of ['agent', 'command', 'hook', 'git'] as const) expect(childEnvironment(need, ours)).toMatchObject(ours)
})

test('keys of ssh and gpg sign and fetch for git and the agent alone', () => {
  const ours = { SSH_AUTH_SOCK: '/s', GNUPGHOME: '/g' }
  for (const need of ['agent', 'git'] as const) expect(childEnvironment(need, ours)).toMatchObject(ours)
  for (const need of ['command', 'hook', 'probe', 'own'] as const) expect(keptBack(need, ours)).toEqual(Object.keys(ours))
})

test('what the user names is passed on, to all or to one kind, and never where a repository is or our own key', () => {
  onTestFinished(() => passOn([]))
  const ours = { NODE_OPTIONS: 'x', SLACK_TOKEN: 'k', APP_ENV: 'test', APP_SECRET: 'k', GIT_DIR: '/g', HEADLESS_PM_API_KEY: 'k' }
  passOn(['NODE_OPTIONS', 'hook:SLACK_TOKEN', 'APP_*', 'GIT_DIR', 'GIT_*', 'HEADLESS_PM_API_KEY'])
  expect(keptBack('hook', ours)).toEqual(['APP_SECRET', 'GIT_DIR', 'HEADLESS_PM_API_KEY'])
  expect(keptBack('command', ours)).toEqual(['SLACK_TOKEN', 'APP_SECRET', 'GIT_DIR', 'HEADLESS_PM_API_KEY'])
  passOn(['*'])
  expect(keptBack('git', ours)).toEqual(['SLACK_TOKEN', 'APP_SECRET', 'GIT_DIR', 'HEADLESS_PM_API_KEY'])
})

test('what is set for a child goes before ours, and null takes away', () => {
  expect(childEnvironment('hook', { PATH: '/bin', HOME: '/h' }, { PATH: '/mine', HOME: null, GIT_PAGER: null })).toEqual(
    expect.objectContaining({ PATH: '/mine' }),
  )
  expect(childEnvironment('hook', { HOME: '/h' }, { HOME: null })).not.toHaveProperty('HOME')
})
