/** An answer other than success: the status and the `detail` of the body. */
export class PmRefusal extends Error {
  readonly status: number
  readonly detail: unknown
  constructor(status: number, detail: unknown) {
    super(JSON.stringify(detail))
    this.status = status
    this.detail = detail
  }
}

const missing = (place: string, field: string) => ({ type: 'missing', loc: [place, field], msg: 'Field required', input: null })
const notOneOf = (place: string, field: string, input: unknown, allowed: string[]) => {
  const expected = `${allowed
    .slice(0, -1)
    .map(word => `'${word}'`)
    .join(', ')} or '${allowed.at(-1)}'`
  return { type: 'enum', loc: [place, field], msg: `Input should be ${expected}`, input, ctx: { expected } }
}

/** A text field of a body or query, checked as the real server checks it; 422 when it is missing or not allowed. */
export function field(place: 'body' | 'query', from: Record<string, unknown>, name: string, allowed?: string[]): string {
  const value = from[name]
  if (value === undefined) throw new PmRefusal(422, [missing(place, name)])
  if (typeof value !== 'string')
    throw new PmRefusal(422, [{ type: 'string_type', loc: [place, name], msg: 'Input should be a valid string', input: value }])
  if (allowed && !allowed.includes(value)) throw new PmRefusal(422, [notOneOf(place, name, value, allowed)])
  return value
}
