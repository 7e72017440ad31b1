import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tempFolder } from './temp.ts'

/** Runs real git in a folder and returns its trimmed stdout. */
export function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

/** Writes files (path → text) below a folder. */
export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** A real repository on branch `main` with one commit and an identity of its own, in a folder that goes with the test. */
export function gitRepo(files: Record<string, string> = { 'README.md': '# demo\n' }, folder = tempFolder()): string {
  mkdirSync(folder, { recursive: true })
  git(folder, 'init', '-q', '-b', 'main')
  git(folder, 'config', 'user.name', 'Test User')
  git(folder, 'config', 'user.email', 'test@example.com')
  writeFiles(folder, files)
  git(folder, 'add', '-A')
  git(folder, 'commit', '-q', '-m', 'start')
  return folder
}
