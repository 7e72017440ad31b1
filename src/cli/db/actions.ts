import { resolve } from 'node:path'
import { backupDatabase, checkDatabase, vacuumDatabase } from '../../board/store/database-care.ts'
import type { DatabaseReport } from '../../board/store/database-report.ts'
import { DATABASE } from '../../config/trust/refusal.ts'
import { ERRORS } from '../../core/errors.ts'
import type { CommandIo } from '../command/command-io.ts'
import { configWith } from '../command/configuration.ts'
import { oneLine } from '../output/clean.ts'
import { openSink } from '../output/sink.ts'
import { databaseOf } from '../server/database.ts'

interface Flags {
  home?: string
  repo?: string
  database?: string
  json?: boolean
}

/** `db check`. Returns the exit code. */
export async function check(flags: Flags, io: CommandIo): Promise<number> {
  const report = await checkDatabase(await configured(flags, io))
  print(io, flags.json ? json(report) : `${lines(report).join('\n')}\n`)
  return report.problems.length === 0 ? 0 : ERRORS.STATE_UNUSABLE.exitCode
}

/** `db backup FILE`. */
export async function backup(flags: Flags, io: CommandIo, target: string): Promise<void> {
  const made = await backupDatabase(await configured(flags, io), resolve(io.cwd, target))
  print(io, flags.json ? json(made) : `${made.file} (${size(made.bytes)})\n`)
}

/** `db vacuum`. */
export async function vacuum(flags: Flags, io: CommandIo): Promise<void> {
  const { before, after } = await vacuumDatabase(await configured(flags, io))
  print(io, flags.json ? json({ before, after }) : `${size(before)} before, ${size(after)} now\n`)
}

async function configured({ home, repo, database }: Flags, io: CommandIo): Promise<string> {
  return databaseOf(await configWith({ home, repo, database }, io, DATABASE), io.cwd)
}

function lines({ url, version, knows, bytes, counts, problems }: DatabaseReport): string[] {
  const age = version < knows ? `, brought up to ${knows} when it is used next` : ''
  const rows = Object.entries(counts).map(([table, count]) => `${table.replace(/^(run|api)_/, '')} ${count}`)
  const state = problems.length === 0 ? 'sound' : `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`
  return [
    `${oneLine(url)}: ${state}`,
    `version ${version}${age}, ${size(bytes)}`,
    ...(rows.length > 0 ? [rows.join(', ')] : []),
    ...problems.map(problem => `- ${oneLine(problem)}`),
  ]
}

function size(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

function print(io: CommandIo, text: string): void {
  openSink(io.stdout, { complete: true }).write(text)
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
