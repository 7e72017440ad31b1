import * as z from 'zod'
import { time } from './parts.ts'

export const loginLink = z
  .object({
    url: z.string().meta({ description: 'Opens a session in the browser, once.', examples: ['http://127.0.0.1:8000/docs#login=…'] }),
    expires_at: time,
  })
  .meta({ id: 'LoginLink' })

export const login = z
  .object({ code: z.string().min(1).max(200).meta({ description: 'What stands behind `#login=` in a link.' }) })
  .meta({ id: 'Login', examples: [{ code: 'ar_owner_…' }] })

export const session = z
  .object({ key: z.string().meta({ description: 'Used like any other key: `Authorization: Bearer KEY`.' }), expires_at: time })
  .meta({ id: 'Session' })
