import * as z from 'zod'

/*
 * Bodies may contain more fields than we read, since programs send back what they were given. So that a mistyped name is not ignored in
 * silence, a header of the answer lists the ignored ones: `Ignored-Fields: colour, steps.0.gaol`.
 */

export const IGNORED_FIELDS = 'ignored-fields'

/** How many fields are named, and how long a name may be. */
const MOST = 20
const LONGEST = 100

interface Json {
  $ref?: string
  $defs?: Record<string, Json>
  properties?: Record<string, Json>
  /** There where further names are read, or kept as they are. */
  additionalProperties?: Json
  items?: Json
  anyOf?: Json[]
  oneOf?: Json[]
  allOf?: Json[]
}

/** What a value may be; made as far as values go, and once. */
interface Known {
  /** Whether names are told: of what is no object with fields of its own, none is. */
  tells: boolean
  /** What a field may be; null of one that is not known. */
  field(name: string): Known | null
  /** What an entry of a list may be. */
  item(): Known
}

const known = new WeakMap<z.ZodType, Known>()

/** The fields of a body that its schema does not know, as the header's value; null when it knows all. */
export function ignoredFields(schema: z.ZodType, body: unknown): string | null {
  const knows = known.get(schema) ?? knownBy(schema)
  known.set(schema, knows)
  const found: string[] = []
  collect(body, knows, '', found)
  return found.length > 0 ? found.join(', ') : null
}

function collect(value: unknown, knows: Known, path: string, found: string[]): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length && found.length < MOST; at++) collect(value[at], knows.item(), `${path}${at}.`, found)
    return
  }
  for (const name in value) {
    if (found.length === MOST) return
    const field = knows.field(name)
    if (field) collect((value as Record<string, unknown>)[name], field, `${path}${name}.`, found)
    else if (knows.tells) found.push(encodeURI(`${path}${name}`.slice(0, LONGEST).toWellFormed()).replaceAll(',', '%2C'))
  }
}

function knownBy(schema: z.ZodType): Known {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json
  const { $defs = {} } = json
  return look([json])

  function look(schemas: Json[]): Known {
    const among = schemas.flatMap(alternatives)
    const fields = new Map<string, Known>()
    let item: Known | undefined
    return {
      tells: among.some(({ properties }) => properties) && !among.some(({ additionalProperties }) => additionalProperties),
      field(name) {
        const seen = fields.get(name)
        if (seen) return seen
        const fits = among.flatMap(({ properties }) => (properties && Object.hasOwn(properties, name) ? properties[name]! : []))
        if (fits.length === 0) return null
        const made = look(fits)
        fields.set(name, made)
        return made
      },
      item() {
        item ??= look(among.flatMap(({ items }) => items ?? []))
        return item
      },
    }
  }

  /** All that a value may be by a schema. */
  function alternatives(one: Json): Json[] {
    const { $ref, anyOf = [], oneOf = [], allOf = [] } = one
    const target = $ref === undefined ? [] : ($defs[$ref.replace('#/$defs/', '')] ?? [])
    return [one, ...[target, anyOf, oneOf, allOf].flat().flatMap(alternatives)]
  }
}
