import * as z from 'zod'
import { exact, filled, line, optional, page, projectId, prose, time } from './parts.ts'

const name = line(200).meta({ description: 'Unique among the projects of a customer.', examples: ['shop'] })
const localPath = exact(4_000)
  .regex(/^\//, 'must be an absolute path')
  .refine(path => !path.split('/').includes('..'), 'must not lead through ..')
  .meta({ description: 'The repository on the machine of its runners.', examples: ['/srv/shop'] })
const description = prose(10_000).meta({ description: 'For people.', examples: ['The web shop'] })
const maxRunning = z
  .int()
  .min(1)
  .max(10_000)
  .nullable()
  .meta({ description: 'How many of its runs may be under work at once; null for no limit.', examples: [4] })
const customer = prose(100).meta({
  description: "Whose project it is. A customer's key makes and sees only that customer's.",
  examples: ['acme'],
})

/** A repository that tasks belong to. */
export const project = z
  .object({
    id: projectId,
    name: z.string(),
    local_path: z.string(),
    description: z.string(),
    customer: z.string(),
    max_running: maxRunning,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Project', description: 'A repository that tasks belong to.' })

export type Project = z.infer<typeof project>

/** What a project is made of. */
export const projectDraft = z
  .object({
    name,
    local_path: localPath,
    description: filled(description, ''),
    max_running: filled(maxRunning, null),
    customer: optional(customer),
  })
  .meta({ id: 'ProjectDraft', examples: [{ name: 'shop', local_path: '/srv/shop' }] })

/** The fields that may stand in the query instead: `curl -X POST '/projects?name=shop&local_path=/srv/shop'`. */
export const projectForm = z.object({ name, local_path: localPath, description }).partial()

export const projectChange = z
  .object({ name, local_path: localPath, description, max_running: maxRunning })
  .partial()
  .meta({ id: 'ProjectChange', examples: [{ max_running: 4 }] })

export const projectList = page.extend({
  name: z.string().max(200).optional().meta({ description: 'Only the one of this name.' }),
  local_path: z.string().max(4_000).optional().meta({ description: 'Only those of this path.' }),
})
