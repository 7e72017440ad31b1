import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { loadPlaces, readConfig } from '../../../config/load.ts'
import { RunnerError } from '../../../core/errors.ts'
import { count } from '../../../core/text/words.ts'
import type { CommandIo } from '../../command/command-io.ts'
import { gather } from './gather.ts'
import { type Entry, tar } from './tar.ts'

type Flags = Record<string, unknown> & { bundle: string; withWork?: boolean; yes?: boolean; json?: boolean }

/** Exit code when the person says no. */
const DECLINED = 12

/**
 * Lists on stderr what goes into the bundle, asks on a terminal, and writes it: a tar archive, packed with gzip, mode 0600. Returns the
 * exit code. Throws USAGE when the file is there already or cannot be made.
 */
export async function writeBundle(flags: Flags, io: CommandIo, doctor: unknown): Promise<number> {
  const file = resolve(io.cwd, flags.bundle)
  if (existsSync(file)) throw isThere(file)
  const { home, repo } = await loadPlaces({ flags, env: io.env, cwd: io.cwd })
  const config = await readConfig({ flags, env: io.env, cwd: io.cwd }).then(
    ({ config, problems }) => (problems.length === 0 ? config : null),
    error => {
      if (error instanceof RunnerError) return null
      throw error
    },
  )
  const withWork = flags.withWork === true
  const entries = await gather({ home, repo, config, doctor, env: io.env, withWork })
  io.stderr.write(`${list(entries, withWork).join('\n')}\n`)
  if (!flags.yes && io.stdin.isTTY && io.stderr.isTTY && !(await confirmed(file, io))) {
    io.stdout.write('Nothing was written.\n')
    return DECLINED
  }
  const folder = basename(file).replace(/\.(tar\.gz|tgz|tar)$/, '')
  const at = new Date()
  const bytes = gzipSync(
    tar(
      entries.map(({ path, text }) => ({ path: `${folder}/${path}`, text })),
      at,
    ),
  )
  write(file, bytes)
  if (flags.json) {
    const files = entries.map(({ path, text }) => ({ path, bytes: Buffer.byteLength(text) }))
    io.stdout.write(`${JSON.stringify({ file, bytes: bytes.length, with_work: withWork, files }, null, 2)}\n`)
  } else io.stdout.write(`${file}: ${count(entries.length, 'file')}, ${size(bytes.length)}\n`)
  return 0
}

function list(entries: Entry[], withWork: boolean): string[] {
  return [
    'The bundle holds:',
    ...entries.map(({ path, text }) => `${size(Buffer.byteLength(text)).padStart(10)}  ${path}`),
    'Known secrets, and what looks like one, are replaced by [redacted]; look through it before you hand it on.',
    withWork
      ? 'Texts of tasks, prompts, what the agent said and diffs are in it (--with-work).'
      : 'Of texts of tasks and of what the agent said only the length is in it; prompts, output and diffs are left out (--with-work adds them).',
  ]
}

async function confirmed(file: string, io: CommandIo): Promise<boolean> {
  const { confirm } = await import('@inquirer/prompts')
  const context = { input: io.stdin as unknown as NodeJS.ReadableStream, output: io.stderr }
  return await confirm({ message: `Write it to ${file}?`, default: true }, context)
}

function write(path: string, bytes: Buffer): void {
  let file: number
  try {
    // Do not overwrite a file that somebody made while we asked.
    file = openSync(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw isThere(path)
    throw new RunnerError('USAGE', `--bundle: ${path} cannot be written: ${(error as Error).message}`, { cause: error })
  }
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    fsyncSync(file)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}

function isThere(file: string): RunnerError {
  return new RunnerError('USAGE', `--bundle: ${file} is there already, and nothing is overwritten`, { advice: 'Name another file.' })
}

const size = (bytes: number) => (bytes < 10_240 ? `${bytes} B` : `${Math.round(bytes / 1024)} KB`)
