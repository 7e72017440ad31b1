import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { ENDS, type EndReason } from '../../core/ends.ts'
import type { Breaker, Outage } from '../../core/ports/breaker.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { anchored, waitOf } from '../../core/wait.ts'
import { privateFolder, removeFile, replaceFile } from '../files/durable-file.ts'

const LARGEST = 64 * 1024
/** How many tasks are remembered by name. More are not needed: it matters only that there are several. */
const TASKS = 20
const SAID = 500
/** After a day without another one, old ends say nothing about the present. */
const FORGOTTEN_AFTER_MS = 24 * 60 * 60 * 1000

/** The schema is made when there is a file to read, which is seldom. */
const note = () =>
  z.object({
    version: z.literal(1),
    reason: z.enum(Object.keys(ENDS) as [EndReason, ...EndReason[]]),
    said: z.string(),
    since: z.number(),
    ends: z.int().positive(),
    tasks: z.array(z.string()),
    until: z.number(),
    noted: z.object({ at: z.number(), boot: z.string(), uptime: z.number() }),
  })

/** The outage that an agent has met, as a file of the state folder, so that it outlives its runner. A broken file counts as none. */
export function openBreaker({ home, agentId, clock }: { home: string; agentId: string; clock: Clock }): Breaker {
  const folder = join(home, 'outages')
  const path = join(folder, `${agentId}.json`)
  let known: { text: string; outage: Outage | null } | null = null

  function current(): Outage | null {
    const text = readNote(path)
    if (text === null) return null
    // A wait that was noted before a reboot is measured by the wall clock once.
    if (known?.text !== text) known = { text, outage: parsed(text, clock) }
    return known.outage
  }

  return {
    current,
    failed({ reason, said, taskId }, pause) {
      const before = current()
      const ends = (before?.ends ?? 0) + 1
      const tasks = [...new Set([...(before?.tasks ?? []), taskId])].slice(-TASKS)
      const wait = waitOf(pause(ends), clock)
      const outage: Outage = { reason, said: said.slice(0, SAID), since: before?.since ?? clock.now(), ends, tasks, wait }
      try {
        privateFolder(folder)
        const { until, noted } = wait
        const text = JSON.stringify({ version: 1, ...outage, wait: undefined, until, noted: noted! } satisfies z.input<
          ReturnType<typeof note>
        > & {
          wait: undefined
        })
        replaceFile(path, text)
      } catch {
        // A full disk: the next end begins to count anew.
      }
      return outage
    },
    mended() {
      if (readNote(path) !== null) removeFile(path)
    },
  }
}

function readNote(path: string): string | null {
  try {
    return statSync(path).size > LARGEST ? null : readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function parsed(text: string, clock: Clock): Outage | null {
  try {
    const { version: _, until, noted, ...outage } = note().parse(JSON.parse(text))
    if (clock.now() - noted.at > FORGOTTEN_AFTER_MS) return null
    return { ...outage, wait: anchored({ until, noted }, clock) }
  } catch {
    return null
  }
}
