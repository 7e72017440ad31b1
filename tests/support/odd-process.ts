import { existsSync, readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { DatabaseSync } from 'node:sqlite'

/*
 * Loaded before the program (NODE_OPTIONS=--import) to bring about what no test can wait for: a wall clock that jumps by the milliseconds
 * that stand in the file AGENT_RUNNER_TEST_CLOCK, a time since boot that grows by those in AGENT_RUNNER_TEST_UPTIME, and a promise that
 * fails unseen once the file AGENT_RUNNER_TEST_FAULT is there.
 */
const { AGENT_RUNNER_TEST_CLOCK: clockFile, AGENT_RUNNER_TEST_UPTIME: uptimeFile, AGENT_RUNNER_TEST_FAULT: faultFile } = process.env

const milliseconds = (file: string) => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0)

if (clockFile) {
  const Real = Date
  const now = () => Real.now() + milliseconds(clockFile)
  globalThis.Date = new Proxy(Real, {
    construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [now()] : args, self),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  })
  // SQLite reads the clock of the machine by itself.
  const { prepare } = DatabaseSync.prototype
  const known = new WeakSet<DatabaseSync>()
  DatabaseSync.prototype.prepare = function (...words) {
    if (!known.has(this)) this.function('unixepoch', { varargs: true }, () => now() / 1000)
    known.add(this)
    return prepare.apply(this, words)
  }
}

if (uptimeFile) {
  const real = os.uptime
  os.uptime = () => real() + milliseconds(uptimeFile) / 1000
  syncBuiltinESMExports()
}

if (faultFile && !process.argv.includes('supervise')) {
  const timer = setInterval(() => {
    if (!existsSync(faultFile)) return
    clearInterval(timer)
    void Promise.reject(new TypeError('boom'))
  }, 20)
  timer.unref()
}
