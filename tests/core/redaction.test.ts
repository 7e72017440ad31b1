import { expect, test } from 'vitest'
import {
  keepSecret,
  redactDocument,
  redact as redactHere,
  redactor,
  secretsInUrls,
  secretsOf,
  secretsOfArguments,
  secretsOfFile,
} from '../../src/core/redaction.ts'

const secret = 'p@ss "w\\ord" ü 123'
const redact = redactor(
  secretsOf({
    HEADLESS_PM_API_KEY: secret,
    MY_TOKEN: 'abcdefgh12345678',
    PATH: '/usr/local/bin:/usr/bin',
    SHORT_KEY: 'a',
    WEAK_KEY: 'key-12',
    PATH_KEY: 'usr/l',
  }),
)

test('the value of a secret of the environment leaves in no form', () => {
  for (const form of [
    secret,
    JSON.stringify(secret),
    JSON.stringify(JSON.stringify(secret)),
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    Buffer.from(secret).toString('hex'),
    Buffer.from(secret).toString('base64'),
    'x abcdefgh12345678 y',
  ])
    expect(redact(`before ${form} after`)).toMatch(/before .*\[redacted\].* after/)
  expect(redact(JSON.stringify({ text: `it is ${secret}` }))).toBe('{"text":"it is [redacted]"}')
})

test('what looks like a key is taken out, whoever knows it', () => {
  for (const key of [
    `sk-ant-${'a1'.repeat(12)}`,
    `ghp_${'b2'.repeat(12)}`,
    'AKIAABCDEFGHIJKLMNOP',
    'Authorization: Bearer abc.def.ghi-jkl',
    '"x-api-key": "0123456789abcdef"',
    'postgres://user:hunter22@localhost/db',
    'postgres://:hunter22@localhost/db',
    'https://user:p@ss/db',
    'https://0123456789abcdef01@forge.example/x.git',
    'https://pm.example/api?x=1&api_key=0123456789',
    '-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----',
  ])
    expect(redact(key)).toContain('[redacted]')
})

test('a secret of six characters is taken out; a shorter one is a word like others', () => {
  expect(redact('it is key-12, in /usr/local')).toBe('it is [redacted], in /usr/local')
})

test('ordinary text stays as it is', () => {
  const text = 'PATH is /usr/local/bin:/usr/bin; the task skips a key; see https://example.com/a:b@c and sk-8'
  expect(redact(text)).toBe(text)
})

test('a secret is known in the base64 of whatever holds it', () => {
  for (const before of ['', 'a', 'ab', 'user:'])
    for (const after of ['', 'x', '@host'])
      for (const base64 of ['base64', 'base64url'] as const) {
        const clean = redact(`<${Buffer.from(before + secret + after).toString(base64)}>`)
        expect(clean).toMatch(/^<.{0,8}\[redacted\].{0,12}>$/)
      }
})

test('JSON without its secrets is JSON still', () => {
  const document = {
    text: `a "${secret}"\n`,
    list: ['Authorization: Bearer abcdefghijkl"', 'https://u:p\\q"w@host', '-----BEGIN PRIVATE KEY-----\nAB\n'],
  }
  const clean = redact(JSON.stringify(document))
  expect(JSON.parse(clean)).toMatchObject({ text: 'a "[redacted]"\n' })
  expect(redact(clean)).toBe(clean)
})

test('what flags, files, URLs and environments give as secrets is found', () => {
  expect(secretsOfArguments(['run', '--api-key', 'first-one', '--server-key=second', '--unknown-token=third-one', '--role', 'qa'])).toEqual(
    ['first-one', 'second', 'third-one'],
  )
  expect(secretsOfFile('apiKey: \'in-yaml\'\nrole: qa\nserverKey: *alias-one\n{"apiKey": "in-json", FORGE_TOKEN=in-dotenv')).toEqual([
    'in-yaml',
    '*alias-one',
    'in-json',
    'in-dotenv',
  ])
  expect(secretsInUrls('postgres://user:hidden%40one@host/db https://pm.example?token=another-one ssh://git@host')).toEqual([
    'hidden%40one',
    'hidden@one',
    'another-one',
    'another-one',
  ])
  expect(secretsOf({ DATABASE_URL: 'postgres://u:password-1@h/d', MY_PAT: 'a-token', ROLE: 'backend_dev', WEB_TOKEN: '' })).toEqual([
    'password-1',
    'password-1',
    'a-token',
  ])
})

test('what was once told to be secret stays so, in texts and documents, names included', () => {
  expect(redactHere('the-late-secret')).toBe('the-late-secret')
  keepSecret(['the-late-secret'])
  expect(redactDocument({ a: ['x the-late-secret', 1, null], 'the-late-secret': true })).toEqual({
    a: ['x [redacted]', 1, null],
    '[redacted]': true,
  })
})

test('no text takes long, whatever it looks like', () => {
  const hostile = ['a.', 'key', '-----BEGIN PRIVATE KEY-----', 'a://b:', '?key', '&a-', '[', 'eyJ', 'x-api-key:', 'sk-'].map(part =>
    part.repeat(1_000_000 / part.length),
  )
  const begun = performance.now()
  for (const text of hostile) {
    redact(text)
    secretsOfFile(text)
  }
  // Whoever goes back for each of a million characters takes many minutes.
  expect(performance.now() - begun).toBeLessThan(60_000)
}, 600_000)
