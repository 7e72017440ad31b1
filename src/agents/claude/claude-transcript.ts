import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { homeFolder } from '../../machine/process/home-folder.ts'

/** Longer folder names get a hash of the path at their end. */
const LONGEST_NAME = 200

/** The folder of the CLI's settings, login and transcripts for processes with this environment. */
export function claudeConfigDir(env: NodeJS.ProcessEnv): string {
  return env.CLAUDE_CONFIG_DIR || join(env.HOME || (homeFolder() ?? '/'), '.claude')
}

/**
 * The transcript of a session that began in this working directory; null when there is none. The CLI (2.1.329) files it
 * under the real path of the directory with everything but ASCII letters and digits as `-`, per UTF-16 unit.
 */
export function findTranscript(sessionId: string, cwd: string, env: NodeJS.ProcessEnv): string | null {
  const projects = join(claudeConfigDir(env), 'projects')
  const folder = realPath(cwd).replace(/[^a-zA-Z0-9]/g, '-')
  const file = `${sessionId}.jsonl`
  if (folder.length <= LONGEST_NAME) return existing(join(projects, folder, file))
  // Session ids are unique, so the hash need not be known.
  const beginning = `${folder.slice(0, LONGEST_NAME)}-`
  for (const name of entries(projects)) {
    const found = name.startsWith(beginning) ? existing(join(projects, name, file)) : null
    if (found) return found
  }
  return null
}

function existing(path: string): string | null {
  return existsSync(path) ? path : null
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return path
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
