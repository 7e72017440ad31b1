import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
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

/** What a repository is made with when a test does not say. */
export const USUAL_FILES = { 'README.md': '# demo\n' }

/** A real repository on branch `main` with one commit and an identity of its own, in a folder that goes with the test. */
export function gitRepo(files: Record<string, string> = USUAL_FILES, folder = tempFolder()): string {
  const usual = process.env.TEST_REPO
  if (!usual || JSON.stringify(files) !== JSON.stringify(USUAL_FILES)) return newRepo(folder, files)
  cpSync(usual, folder, { recursive: true })
  // The copies have other times and inodes than the index says.
  git(folder, 'update-index', '--refresh')
  return folder
}

/** The same, made by git from the beginning. */
export function newRepo(folder: string, files: Record<string, string>): string {
  mkdirSync(folder, { recursive: true })
  git(folder, 'init', '-q', '-b', 'main')
  git(folder, 'config', 'user.name', 'Test User')
  git(folder, 'config', 'user.email', 'test@example.com')
  writeFiles(folder, files)
  git(folder, 'add', '-A')
  git(folder, 'commit', '-q', '-m', 'start')
  return folder
}
