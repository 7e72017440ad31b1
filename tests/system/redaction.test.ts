import { expect, test } from 'vitest'
import { redactor } from '../../src/system/redaction.ts'

const secret = 'p@ss "w\\ord" ü 123'
const redact = redactor({
  HEADLESS_PM_API_KEY: secret,
  MY_TOKEN: 'abcdefgh12345678',
  PATH: '/usr/local/bin:/usr/bin',
  SHORT_KEY: 'a',
  WEAK_KEY: 'key-12',
  PATH_KEY: 'usr/l',
})

test('the value of a secret of the environment leaves in no form', () => {
  for (const form of [
    secret,
    JSON.stringify(secret),
    encodeURIComponent(secret),
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
