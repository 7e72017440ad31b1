import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { readJson } from '../../core/json.ts'
import type { Patience } from '../../core/ports/patience.ts'
import { privateFolder, removeFile, replaceFile } from '../files/durable-file.ts'

/** How often a task is given back before it is parked instead. */
const GIVE_BACKS = 3
/** After a day without a give-back, its reason has most likely changed. */
const FORGOTTEN_AFTER_MS = 24 * 60 * 60 * 1000
const LARGEST = 256 * 1024

/** The schema is made when there is a file to read, which is seldom. */
const given = () => z.object({ version: z.literal(1), tasks: z.record(z.string(), z.array(z.iso.datetime())) })

/**
 * The tasks that an agent gave back, as a file of the state folder, so that neither a restart nor a loop around `--single-task` takes an
 * impossible task for ever. `tracker` keeps the tasks of two trackers apart. A broken file counts as none.
 */
export function openPatience(options: { home: string; agentId: string; tracker: string; now: () => number }): Patience {
  const { home, agentId, tracker, now } = options
  const folder = join(home, 'given-back')
  const path = join(folder, `${agentId}.json`)
  const key = (taskId: string) => `${tracker} ${taskId}`
  return {
    again(taskId, claimedAt) {
      const tasks = recent(read(path), now() - FORGOTTEN_AFTER_MS)
      const times = [...new Set([...(tasks[key(taskId)] ?? []), claimedAt])]
      privateFolder(folder)
      replaceFile(path, JSON.stringify({ version: 1, tasks: { ...tasks, [key(taskId)]: times } }))
      return times.length <= GIVE_BACKS
    },
    forget(taskId) {
      const tasks = read(path)
      if (tasks[key(taskId)] === undefined) return
      delete tasks[key(taskId)]
      if (Object.keys(tasks).length === 0) removeFile(path)
      else replaceFile(path, JSON.stringify({ version: 1, tasks }))
    },
  }
}

function read(path: string): Record<string, string[]> {
  try {
    if (statSync(path).size > LARGEST) return {}
    return given().parse(readJson(readFileSync(path, 'utf8'))).tasks
  } catch {
    return {}
  }
}

function recent(tasks: Record<string, string[]>, since: number): Record<string, string[]> {
  return Object.fromEntries(Object.entries(tasks).filter(([, times]) => times.some(time => Date.parse(time) > since)))
}
