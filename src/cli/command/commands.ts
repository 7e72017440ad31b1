import type { Command } from 'commander'
import { chaosCommand } from '../chaos.ts'
import { completionCommand } from '../completion.ts'
import { configCommand } from '../config.ts'
import { dbCommand } from '../db.ts'
import { doctorCommand } from '../doctor.ts'
import { hooksCommand } from '../hooks.ts'
import { initCommand } from '../init.ts'
import { keysCommand } from '../keys.ts'
import { logsCommand } from '../logs.ts'
import { rescueCommand } from '../rescue.ts'
import { runCommand } from '../run.ts'
import { serverCommand } from '../server.ts'
import { statusCommand } from '../status.ts'
import { taskCommand } from '../task.ts'
import { trustCommand } from '../trust.ts'
import { unlockCommand } from '../unlock.ts'
import { upCommand } from '../up.ts'
import { whyCommand } from '../why.ts'

/** What declares each command, in the order of the help. */
export const COMMANDS: Record<string, (program: Command) => void> = {
  run: runCommand,
  task: taskCommand,
  status: statusCommand,
  logs: logsCommand,
  why: whyCommand,
  rescue: rescueCommand,
  unlock: unlockCommand,
  up: upCommand,
  server: serverCommand,
  keys: keysCommand,
  db: dbCommand,
  doctor: doctorCommand,
  chaos: chaosCommand,
  config: configCommand,
  init: initCommand,
  trust: trustCommand,
  hooks: hooksCommand,
  completion: completionCommand,
}
