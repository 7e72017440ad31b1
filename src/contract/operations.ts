import * as z from 'zod'
import { anyObject, time } from './parts.ts'

export const health = z
  .object({ status: z.enum(['ok', 'failing']), version: z.string(), database: z.string(), time, message: z.string().optional() })
  .meta({ id: 'Health' })

export const alive = z.object({ status: z.literal('ok') }).meta({ id: 'Alive' })

export const openapiDocument = anyObject.meta({ description: 'OpenAPI 3.1.' })
