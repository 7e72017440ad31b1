import { loadConfig } from '../../config/load.ts'
import { RUNNER } from '../../config/trust/refusal.ts'
import { RunnerError } from '../../core/errors.ts'
import { selfCommand } from '../../machine/process/self.ts'
import type { CommandIo } from '../command/command-io.ts'
import { version } from '../command/version.ts'
import { doctorTools } from '../compose/doctor-tools.ts'
import { paintFor } from '../output/paint.ts'
import { examined, type Finding } from './check.ts'
import { allChecks } from './list.ts'

type Told = { name: string } & Finding

/** The longest time for checks that wait for others; each check has shorter limits of its own. */
const LONGEST_MS = 60_000

/**
 * `doctor`: prints every check with its verdict. Returns the exit code: 0 if a run would start, else the one with which it would end.
 * With `--bundle` it instead writes what a maintainer needs to help, and returns 0 once that is written.
 */
export async function runDoctor(flags: Record<string, unknown>, io: CommandIo): Promise<number> {
  if (flags.bundle === undefined && (flags.withWork || flags.yes))
    throw new RunnerError('USAGE', '--with-work and --yes belong to --bundle FILE')
  const told = await allFindings(flags, io)
  const failed = told.find(finding => finding.verdict === 'fail')
  const document = {
    version: version(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    ok: !failed,
    checks: told,
  }
  if (flags.bundle !== undefined) {
    const { writeBundle } = await import('./bundle/write.ts')
    return await writeBundle({ ...flags, bundle: String(flags.bundle) }, io, document)
  }
  if (flags.json) {
    io.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
  } else await print(told, io)
  return failed?.exitCode ?? 0
}

/**
 * Errors after which no other check makes sense, with the check that reports them: what an untrusted repository asks for is not even
 * tried.
 */
const ONLY = { CONFIG_INVALID: 'configuration', UNTRUSTED: 'trust' } as const

async function allFindings(flags: Record<string, unknown>, io: CommandIo): Promise<Told[]> {
  try {
    const config = await loadConfig({ flags, env: io.env, cwd: io.cwd }, RUNNER)
    const examination = {
      config,
      env: io.env,
      tools: doctorTools(config, io.env),
      self: selfCommand(),
      signal: AbortSignal.timeout(LONGEST_MS),
    }
    return await Promise.all(allChecks().map(async check => ({ name: check.name, ...(await examined(check, examination)) })))
  } catch (thrown) {
    // A wrong flag is a wrong call of doctor itself; a run would find everything else too.
    if (!(thrown instanceof RunnerError) || !(thrown.code in ONLY)) throw thrown
    const { message, advice, exitCode } = thrown
    return [{ name: ONLY[thrown.code as keyof typeof ONLY], verdict: 'fail', says: message, advice, exitCode }]
  }
}

async function print(told: Told[], io: CommandIo): Promise<void> {
  const paint = await paintFor(io.stdout, io.env)
  const signs = { ok: paint.green('ok  '), warn: paint.yellow('warn'), fail: paint.red('fail') }
  const wide = Math.max(...told.map(({ name }) => name.length))
  for (const { name, verdict, says, advice } of told) {
    const [first, ...rest] = says.split('\n')
    io.stdout.write(`${signs[verdict]}  ${name.padEnd(wide)}  ${first}\n`)
    for (const line of [...rest, ...(advice ? [paint.dim(`→ ${advice}`)] : [])]) io.stdout.write(`${' '.repeat(wide + 8)}${line}\n`)
  }
  const failed = told.filter(({ verdict }) => verdict === 'fail').length
  io.stdout.write(
    failed === 0
      ? paint.green('A run would start.\n')
      : paint.red(`A run would not start: ${failed} ${failed === 1 ? 'check' : 'checks'} failed.\n`),
  )
}
