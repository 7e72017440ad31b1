import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LONGEST_LIMIT_MS } from '../core/backoff.ts'
import type { UsageLimit } from '../core/ports.ts'
import { privateFolder, replaceFile } from './durable-file.ts'

/** A note from later than this is one of a clock that was set back since. */
const SLACK_MS = 60_000
const LARGEST = 4096

const note = z.object({ version: z.literal(1), until: z.number(), noted_at: z.number() })

/**
 * The account's usage limit as a file of the state folder, so that it outlives its runner. The file is read anew each time, and so is the
 * account, which a person may change to get on. A note that is broken, over, or cannot be true is as good as none: the account tells again.
 */
export function openUsageLimit({ home, account, now }: { home: string; account: () => string; now: () => number }): UsageLimit {
  const folder = join(home, 'limits')
  const path = () => join(folder, `${account()}.json`)
  const until = () => {
    // To find out the account takes longer.
    if (!existsSync(folder)) return null
    const found = readNote(path())
    if (!found || found.noted_at > now() + SLACK_MS || found.until > now() + LONGEST_LIMIT_MS) return null
    return found.until > now() ? found.until : null
  }
  return {
    until,
    reached(time) {
      if (time <= (until() ?? now())) return
      try {
        privateFolder(folder)
        replaceFile(path(), JSON.stringify({ version: 1, until: time, noted_at: now() } satisfies z.input<typeof note>))
      } catch {
        // A full disk: the others meet the limit themselves.
      }
    },
  }
}

function readNote(path: string): z.output<typeof note> | null {
  try {
    if (statSync(path).size > LARGEST) return null
    return note.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}
