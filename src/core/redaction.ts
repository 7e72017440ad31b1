import { SECRET_FLAG, SECRET_NAMES } from './secrets.ts'

/** Replaces a secret, in every output. */
export const MASK = '[redacted]'

/** Shorter values are words that occur everywhere; to replace them would make texts unreadable. */
export const SHORTEST_SECRET = 6

/**
 * Secrets that are recognised by their form. Each pattern has a bounded length, so that no text takes long. None begins or ends within an
 * escape, so that JSON stays valid.
 */
const PATTERNS: [RegExp, string][] = [
  [/\bsk-[A-Za-z0-9_-]{16,}/g, MASK],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|npm_|hf_|AIza)[A-Za-z0-9_-]{16,}/g, MASK],
  [/\bar_(?:owner|[0-9a-f]{12})_[A-Za-z0-9_-]{16,}/g, MASK],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, MASK],
  [/\beyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g, MASK],
  [
    /(\b(?:(?:Proxy-)?Authorization|X-API-Key|Private-Token)\\?["']?\s*[:=]\s*\\?["']?(?:Bearer |Basic |token )?)[A-Za-z0-9._~+/=-]{8,}/gi,
    `$1${MASK}`,
  ],
  // What stands before the host: a password with its user, or, except where it is the name of a login, a token alone.
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/:@"'<>]{0,500}:[^\s/"'<>]{1,2000}@/gi, `$1${MASK}@`],
  [/(\b(?!ssh:|git\+ssh:)[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/:@"'<>?#]{1,2000}@/gi, `$1${MASK}@`],
  [/([?&][\w-]{0,60}(?:key|token|secret|password|passwd|signature)=)[^&\s"'#\\<>]+/gi, `$1${MASK}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^"]{0,10000}?-----END [A-Z ]*PRIVATE KEY-----|(?:[A-Za-z0-9+/=\s]|\\[nr])*)/g, MASK],
]

/**
 * Makes a function that takes these secrets out of a text: as they are, and as JSON, URIs, hexadecimal and base64 write them. Secrets of
 * fewer than 6 characters stay. Whatever looks like a key or a password goes too. Text without secrets comes back as it is.
 */
export function redactor(secrets: Iterable<string>): (text: string) => string {
  const forms = new Set([...secrets].filter(isLongEnough).flatMap(formsOf))
  // Longer ones first, so that a secret that holds another goes as a whole.
  const needles = [...forms].sort((a, b) => b.length - a.length)
  return text => {
    let clean = text
    for (const needle of needles) if (clean.includes(needle)) clean = clean.replaceAll(needle, MASK)
    for (const [pattern, put] of PATTERNS) clean = clean.replace(pattern, put)
    return clean
  }
}

const known = new Set<string>()
let current = redactor(known)

/** From now on this process neither prints nor logs these values, nor the passwords and tokens in those of them that are URLs. */
export function keepSecret(values: Iterable<string>): void {
  const before = known.size
  for (const value of values) if (isLongEnough(value)) known.add(value)
  if (known.size > before) current = redactor(known)
}

/** The secrets of an environment, or of a file with such entries: values whose names say so, and what URLs carry. */
export const secretsOf = (entries: Record<string, string | undefined>): string[] =>
  Object.entries(entries).flatMap(([name, value]) => (value ? [...(SECRET_NAMES.test(name) ? [value] : []), ...secretsInUrls(value)] : []))

/** The secrets in a list of arguments. */
export const secretsOfArguments = (args: string[]): string[] =>
  args.flatMap((arg, n) => {
    const flag = SECRET_FLAG.exec(arg)
    return [...(flag ? [flag[1] ?? args[n + 1] ?? ''] : []), ...secretsInUrls(arg)]
  })

/** The secrets in the text of a settings file, also when it cannot be parsed. */
export const secretsOfFile = (text: string): string[] => [
  ...[...text.matchAll(/\b[\w.-]{0,60}?(?:key|token|secret|password)["']?[ \t]*[:=][ \t]*["']?([^\s"',}]+)/gi)].map(
    match => match[1] as string,
  ),
  ...secretsInUrls(text),
]

/** The passwords and tokens in the URLs of a text, as they stand there and decoded. */
export function secretsInUrls(text: string): string[] {
  const users = [...text.matchAll(/\b[a-z][a-z0-9+.-]{0,30}:\/\/([^\s/]{0,2500})@/gi)].map(match => match[1] as string)
  const passwords = users.map(user => (user.includes(':') ? user.slice(user.indexOf(':') + 1) : user.length >= TOKEN_LENGTH ? user : ''))
  const asked = [...text.matchAll(/[?&][\w-]{0,60}(?:key|token|secret|password|passwd)=([^&\s#]+)/gi)].map(match => match[1] as string)
  return [...passwords, ...asked].flatMap(secret => [secret, decoded(secret)]).filter(isLongEnough)
}

/** In a URL without a password, a user of this length is a token; a shorter one is a name. */
const TOKEN_LENGTH = 20

/** A text without what looks like a secret and what this process knows to be one. */
export const redact = (text: string): string => current(text)

/** Redacts each text of a document, names too. In its JSON, what looks like a secret could be half an escape. */
export function redactDocument<T>(value: T, how = redact): T {
  if (typeof value === 'string') return how(value) as T
  if (Array.isArray(value)) return value.map(item => redactDocument(item, how)) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [how(name), redactDocument(item, how)])) as T
}

function isLongEnough(value: string): boolean {
  return value.trim().length >= SHORTEST_SECRET
}

function formsOf(value: string): string[] {
  const lines = value.split('\n').map(line => line.trim())
  const json = escaped(value)
  const uri = encodeURIComponent(value.toWellFormed())
  const forms = [value, ...lines, json, escaped(json), uri, lowerHex(uri), uri.replaceAll('%20', '+'), encodeURI(value.toWellFormed())]
  const bytes = Buffer.from(value)
  return [...forms, bytes.toString('hex'), ...base64Forms(bytes)].filter(form => form.length >= SHORTEST_SECRET)
}

const escaped = (text: string) => JSON.stringify(text).slice(1, -1)
const lowerHex = (uri: string) => uri.replace(/%[0-9A-F]{2}/g, code => code.toLowerCase())

/**
 * The forms that bytes have in the base64 of a longer text: one for each of three offsets, without the characters that depend on
 * neighbours too.
 */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap(before => {
    const all = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    const ours = all.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
    return [ours, ours.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
