import { login, loginLink, session } from '../../contract/session.ts'
import { callerOf } from '../door/auth.ts'
import { isOwner, LINK_MS, linkTo, SESSION_MS } from '../door/owner.ts'
import { Refusal } from '../door/problem.ts'
import type { ApiServer } from '../door/server-types.ts'
import type { ApiContext } from './context.ts'

const tags = ['operations']

/** How the owner of the server comes in with a browser: a link is asked for with the owner's key, and opens one session. */
export function sessionRoutes(api: ApiServer, { owner, url }: ApiContext): void {
  api.post(
    '/login-links',
    {
      config: { needs: 'admin', answersAnew: true },
      schema: {
        ...{ operationId: 'createLoginLink', tags, summary: 'Make a link for the browser', response: { 201: loginLink } },
        description: 'For the owner of the server alone. It opens a session once, within ten minutes.',
      },
    },
    async (request, reply) => {
      if (!isOwner(callerOf(request))) throw new Refusal(403, 'only the owner of the server, with the key in its state folder, may do this')
      return reply.code(201).send({ url: linkTo(url(), owner.newLink()), expires_at: inTime(LINK_MS) })
    },
  )

  api.post(
    '/sessions',
    {
      config: { needs: 'open', answersAnew: true },
      schema: {
        ...{ operationId: 'createSession', tags, summary: 'Use a link for the browser', body: login, response: { 201: session } },
        problems: { 403: 'The link is not known, was used already, or is too old.' },
      },
    },
    async (request, reply) => {
      const key = owner.openSession(request.body.code)
      if (key === null)
        throw new Refusal(403, 'the link is not known, was used already, or is too old; `agent-runner keys link` prints a new one')
      return reply.code(201).send({ key, expires_at: inTime(SESSION_MS) })
    },
  )
}

const inTime = (ms: number) => new Date(Date.now() + ms).toISOString()
