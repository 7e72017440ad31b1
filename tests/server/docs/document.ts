import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect } from 'vitest'
import type { Answer } from '../ask.ts'

interface Operation {
  operationId: string
  parameters?: { name: string }[]
  security: unknown[]
  responses: Record<string, { content?: Record<string, { schema: object }> }>
}

/** An OpenAPI document, as far as tests read it. */
export interface ApiDocument {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

const validators = new WeakMap<ApiDocument, (schema: object) => ValidateFunction>()

/** Compiles schemas of a document, with what they refer to. */
export function compilerOf(document: ApiDocument): (schema: object) => ValidateFunction {
  const known = validators.get(document)
  if (known) return known
  const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addVocabulary(['components'])
  ajv.addSchema({ $id: 'https://api.test/', components: document.components })
  const compile = (schema: object) =>
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"https://api.test/#/components/')))
  validators.set(document, compile)
  return compile
}

/** The operation that an address belongs to. Plain words go before `{…}`. */
function operationAt(document: ApiDocument, method: string, path: string): Operation | undefined {
  const words = path.split('?')[0]!.split('/')
  const fits = (template: string) => {
    const parts = template.split('/')
    return parts.length === words.length && parts.every((part, i) => part === words[i] || /^\{.*\}$/.test(part))
  }
  const template = Object.keys(document.paths)
    .filter(fits)
    .sort((a, b) => a.split('{').length - b.split('{').length)[0]
  return template === undefined ? undefined : document.paths[template]![method.toLowerCase()]
}

/** Holds an answer to the document: its status is there, and so are its content type and the form of its body. Answers the operation's id. */
export function checkAnswer(document: ApiDocument, method: string, path: string, answer: Answer): string {
  const operation = operationAt(document, method, path)
  if (!operation) expect.unreachable(`${method} ${path} is not in the document`)
  const said = `${method} ${path} answers ${answer.status} ${answer.text.slice(0, 500)}`
  const described = operation!.responses[answer.status]
  expect(described, `the document does not know that ${said}`).toBeDefined()
  const content = described!.content
  if (!content) {
    expect(answer.text, said).toBe('')
    return operation!.operationId
  }
  const type = answer.headers['content-type']?.split(';')[0]
  expect(Object.keys(content), said).toContain(type)
  if (/json/.test(type!)) {
    const valid = compilerOf(document)(content[type!]!.schema)
    expect(valid(answer.json), `${said}: ${JSON.stringify(valid.errors?.slice(0, 3))}`).toBe(true)
  }
  return operation!.operationId
}
