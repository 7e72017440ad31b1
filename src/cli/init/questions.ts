import type { Key } from '../../config/schema.ts'

/** The settings that `init` asks for, in the order of asking. */
export const INIT_KEYS = ['tracker', 'apiUrl', 'role', 'agentId', 'level'] as const satisfies Key[]
export type InitKey = (typeof INIT_KEYS)[number]

/** The questions in words; what is in brackets after them is the terminal's business. */
export const QUESTIONS: Record<InitKey, string> = {
  tracker: 'Where do tasks come from?',
  apiUrl: 'What is the address of the Headless PM server?',
  role: 'Which role does the agent play?',
  agentId: 'Under which name does it work?',
  level: 'What is the highest seniority of the tasks that it takes?',
}
