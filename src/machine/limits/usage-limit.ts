import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { LONGEST_LIMIT_MS } from '../../core/backoff.ts'
import { readJson } from '../../core/json.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { UsageLimit } from '../../core/ports/usage-limit.ts'
import { anchored, leftOf, type Wait } from '../../core/wait.ts'
import { privateFolder, replaceFile } from '../files/durable-file.ts'

const LARGEST = 4096

/** Older versions wrote neither boot nor uptime: then only the wall clock counts. */
const note = z.object({
  version: z.literal(1),
  until: z.number(),
  noted_at: z.number(),
  boot: z.string().default(''),
  uptime: z.number().default(0),
})

/**
 * The account's usage limit as a file of the state folder, so that it outlives its runner. The file is read anew each time, and so is the
 * account, which a person may change to go on. A note that is broken, over, or cannot be true counts as none: the account will tell
 * again.
 */
export function openUsageLimit({ home, account, clock }: { home: string; account: () => string; clock: Clock }): UsageLimit {
  const folder = join(home, 'limits')
  const path = () => join(folder, `${account()}.json`)
  // A note from before a reboot is measured by the wall clock once, so that setting the clock later changes nothing.
  let known: { text: string; wait: Wait } | null = null
  const until = () => {
    // Look at the file first: finding out the account takes longer.
    if (!existsSync(folder)) return null
    const text = readNote(path())
    if (text === null) return null
    if (known?.text !== text) {
      const wait = parseNote(text)
      known = wait && { text, wait: anchored(wait, clock) }
    }
    return known && leftOf(known.wait, clock) > 0 ? known.wait : null
  }
  return {
    until,
    reached(wait) {
      const before = until()
      if (!wait.noted || leftOf(wait, clock) <= (before ? leftOf(before, clock) : 0)) return
      const { at, boot, uptime } = wait.noted
      try {
        privateFolder(folder)
        replaceFile(path(), JSON.stringify({ version: 1, until: wait.until, noted_at: at, boot, uptime } satisfies z.input<typeof note>))
      } catch {
        // A full disk: the others meet the limit themselves.
      }
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

function parseNote(text: string): Wait | null {
  try {
    const { until, noted_at: at, boot, uptime } = note.parse(readJson(text))
    return until - at > LONGEST_LIMIT_MS ? null : { until, noted: { at, boot, uptime } }
  } catch {
    return null
  }
}
