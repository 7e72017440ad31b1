/** The parts of a zod fault that this file tells. */
interface Fault {
  readonly code?: string | undefined
  readonly input?: unknown
  readonly [more: string]: unknown
}

const TYPES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  undefined: 'left out',
}

const FORMATS: Record<string, string> = {
  datetime: 'must be a time in UTC, such as 2026-01-31T12:00:00.000Z',
  url: 'must be a URL',
}

/** The units in which the sizes of texts and lists are counted; numbers have none. */
const COUNTED: Record<string, string> = {
  string: 'characters',
  array: 'entries',
  set: 'entries',
  map: 'entries',
  object: 'names',
  record: 'names',
}

/** Says what a schema wants instead of what it found: a sentence whose subject is the field. For schemas without words of their own. */
export function whatIsWanted(fault: Fault): string {
  const { code, input } = fault
  if (code === 'invalid_type') return input === undefined ? 'is missing' : `must be ${TYPES[String(fault.expected)] ?? fault.expected}`
  if (code === 'too_big') return bound(fault, 'most', fault.maximum)
  if (code === 'too_small') return bound(fault, 'least', fault.minimum)
  if (code === 'invalid_value') return oneOf(fault.values as unknown[])
  if (code === 'invalid_format') return FORMATS[String(fault.format)] ?? 'is not written as it has to be'
  if (code === 'not_multiple_of') return `must be a multiple of ${fault.divisor}`
  if (code === 'unrecognized_keys') return `has what is not known here: ${(fault.keys as string[]).slice(0, 10).join(', ')}`
  if (code === 'invalid_key') return 'has a name that it may not have'
  return input === undefined ? 'is missing' : 'is none of what it may be'
}

function bound({ origin, inclusive }: Fault, end: 'most' | 'least', limit: unknown): string {
  const counted = COUNTED[String(origin)]
  if (counted !== undefined) return end === 'least' && limit === 1 ? 'must not be empty' : `must have at ${end} ${limit} ${counted}`
  if (inclusive === false) return end === 'most' ? `must be less than ${limit}` : `must be more than ${limit}`
  return `must be at ${end} ${limit}`
}

const oneOf = (values: unknown[]) => (values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`)
