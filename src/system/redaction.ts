import { SECRET_NAMES } from '../core/secrets.ts'

/** What stands in the place of a secret. */
const MASK = '[redacted]'

/** Shorter values are words that occur everywhere; in their place would stand what the text is about. */
export const SHORTEST_SECRET = 6

/** Forms of secrets that are known by their look: API keys of model vendors and forges, authorisation headers, passwords in URLs, private keys. */
const PATTERNS: [RegExp, string][] = [
  [/\bsk-[A-Za-z0-9_-]{16,}/g, MASK],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-)[A-Za-z0-9_-]{16,}/g, MASK],
  [/\bar_(?:owner|[0-9a-f]{12})_[A-Za-z0-9_-]{16,}/g, MASK],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, MASK],
  [/(\b(?:Authorization|X-API-Key)["']?\s*[:=]\s*["']?(?:Bearer |Basic )?)[A-Za-z0-9._~+/=-]{8,}/gi, `$1${MASK}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"']+:)[^\s/@"']+@/gi, `$1${MASK}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, MASK],
]

/**
 * A function that takes secrets out of a text: the values of secret-looking entries of the environment, as they are, as JSON
 * and URI text write them and in base64, unless they have fewer than 6 characters, and whatever looks like a key. Text without secrets comes back as it is.
 */
export function redactor(env: NodeJS.ProcessEnv): (text: string) => string {
  const values = Object.entries(env).flatMap(([name, value]) =>
    value && value.length >= SHORTEST_SECRET && SECRET_NAMES.test(name) ? [value] : [],
  )
  const forms = new Set(values.flatMap(formsOf))
  // Longer ones first, so that one that holds another goes as a whole.
  const needles = [...forms].sort((a, b) => b.length - a.length)
  return text => {
    let clean = text
    for (const needle of needles) if (clean.includes(needle)) clean = clean.replaceAll(needle, MASK)
    for (const [pattern, put] of PATTERNS) clean = clean.replace(pattern, put)
    return clean
  }
}

function formsOf(value: string): string[] {
  const lines = value.split('\n').filter(line => line.length >= SHORTEST_SECRET)
  const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '')
  return [value, ...lines, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64]
}
