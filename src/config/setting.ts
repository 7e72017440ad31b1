import type * as Zod from 'zod'

export type Z = typeof import('./zod.ts').z

/** How a setting is written as text (flag, environment) and what it is in a file. */
export type Kind = 'text' | 'path' | 'command' | 'number' | 'choice' | 'list' | 'arguments' | 'record'

/**
 * What the files of a repository (agent-runner.yaml, .env) may set without the user's trust: `free` anything, since it only shapes the
 * work · `inside` a path inside the repository · `no-more` a number not above the one that counts without them · `{ free: […] }` these
 * values, which are the careful ones · `trusted` nothing: it says where keys go, what is executed, what others may reach, or where state
 * lives and how long · `never` nothing, trusted or not, and no other file either: it says where the files are.
 */
export type TrustLevel = 'free' | 'inside' | 'no-more' | 'trusted' | 'never' | { free: readonly string[] }

/** One row of the table of settings. Options, environment, files, README, `config` and `doctor` all derive from it. */
export interface Setting {
  kind: Kind
  /** The flag with its placeholder, as commander reads it; null when only files and the environment have it. */
  flag: string | null
  /** The value of a flag without a value (`--no-…`). */
  flagMeans?: string
  /** Environment names; the first that is set wins. */
  env: readonly string[]
  /**
   * Names that other programs use for the same. They count only in the real environment: a repository's .env has them for its own
   * application.
   */
  sharedEnv?: readonly string[]
  /** Null means: not set. */
  default: unknown
  trust: TrustLevel
  /** What a number counts; null when it is not a number. */
  unit: string | null
  /** One sentence for people. */
  says: string
  choices?: readonly string[]
  /** Never shown, in no output. */
  secret?: true
  /** Built only when a value is checked, so that the table can be read without loading zod. */
  schema: (z: Z) => Zod.ZodType
}

/** All environment names of a setting. */
export const envNames = ({ env, sharedEnv = [] }: Pick<Setting, 'env' | 'sharedEnv'>): string[] => [...env, ...sharedEnv]

const between = (z: Z, least: number, most: number, error: string) => z.number({ error }).min(least, { error }).max(most, { error })

const MONTH = 31 * 24 * 3600

const amount = <const U extends string>(unit: U, least: number, most: number) =>
  ({
    kind: 'number',
    unit,
    schema: (z: Z) => between(z, least, most, `expected a number of ${unit} from ${least} to ${most}`),
  }) as const

/** A duration in seconds, at least a tenth of one, so that no loop spins. */
export const seconds = amount('seconds', 0.1, MONTH)
/** A duration in seconds that may be none. */
export const grace = amount('seconds', 0, 3600)
/** A duration in days, for what is counted in weeks. */
export const days = amount('days', 0.01, 36_500)
export const megabytes = amount('MB', 0, 10_000_000)
export const kilobytes = amount('KB', 0, 100_000)
export const dollars = amount('USD', 0.01, 100_000)

const COUNT = 'expected a whole number from 1 to 1000'
/** A whole number of times. */
export const count = { kind: 'number', unit: 'times', schema: (z: Z) => between(z, 1, 1000, COUNT).int({ error: COUNT }) } as const

const TEXT = 'expected text that is not empty (in YAML, put a number into quotes)'
const PLAIN = 'expected text without a NUL or half a character in it'
export const text = {
  kind: 'text',
  unit: null,
  schema: (z: Z) =>
    z
      .string({ error: TEXT })
      .trim()
      .min(1, { error: TEXT })
      .regex(/^[^\0\uFFFD]*$/, { error: PLAIN }),
} as const
/** A path; `~/` is the user's home, and a relative path is relative to the place where it was written. */
export const path = { ...text, kind: 'path' } as const

/** Text of a given form. */
export function like(pattern: RegExp, error: string) {
  return { kind: 'text', unit: null, schema: (z: Z) => z.string({ error }).regex(pattern, { error }) } as const
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(...choices: T) {
  return {
    kind: 'choice',
    unit: null,
    choices,
    schema: (z: Z) => z.enum(choices, { error: `expected one of ${choices.join(', ')}` }),
  } as const
}
