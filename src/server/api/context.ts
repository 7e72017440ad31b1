import type { FastifyReply, FastifyRequest } from 'fastify'
import * as z from 'zod'
import type { Caller, ControlPlane } from '../../board/control-plane.ts'
import { callerOf } from '../door/auth.ts'
import type { Owner } from '../door/owner.ts'
import type { EventFeeds } from '../stream/event-feed.ts'

/** What the routes work with. */
export interface ApiContext {
  plane: ControlPlane
  feed: EventFeeds
  owner: Owner
  /** The address by which people reach the server. */
  url(): string
  /** Which of these keys (by id) still open something. */
  goodKeys(ids: readonly string[]): Promise<readonly string[]>
  version: string
  /** Fires when the server closes: all waits end. */
  closing: AbortSignal
  /** How many runner lanes this very process has, and how one queued run is taken by them now; null without lanes. */
  lanes: Lanes | null
  onFault(error: unknown, where: string): void
}

export interface Lanes {
  /** How long one wait for the next task lasts, in seconds. */
  readonly checkSeconds: number
  count(): number
  /** Why the lanes cannot work in this folder; null when they can. */
  refusalOf(localPath: string): string | null
  /** Makes a lane take one queued run, and returns the result within seconds. */
  takeOne(signal: AbortSignal): Promise<Taking>
}

/** The run that a lane has taken, null when none was waiting; or why none of the lanes has taken the one that is. */
export type Taking = { runId: string | null } | { refusal: string }

/** An id in an address. A text without the form of an id counts as not found. */
export const idParam = z.object({ id: z.string().max(200) })

/** Who does it, as the control plane asks. */
export function by(request: FastifyRequest): Caller {
  const { customer, name, kind, keyId } = callerOf(request)
  return { customer, name, workerKey: kind === 'worker' ? keyId : null }
}

/** Fires when the caller has gone away, or the server closes. */
export function gone(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => controller.abort())
  return AbortSignal.any([closing, controller.signal])
}
