import { existsSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import { RunnerError } from '../../core/errors.ts'
import { LIMITS, limitWords } from '../../core/limits.ts'
import { readPlainFile } from '../../machine/files/plain-file.ts'
import type { Config } from '../config.ts'
import { ROLE } from '../settings/identity.ts'
import { builtInRole } from './built-in-roles.ts'

/** The folders in which a role's instructions are looked for, first hit wins. */
function roleFolders({ values }: Pick<Config, 'values'>): string[] {
  const inRepository = ['', 'headless_pm', 'agents', 'agents/client'].flatMap(folder => {
    const base = join(values.repo, folder)
    const named = ['team_roles', 'agent_instructions'].map(name => join(base, name))
    // The plain folder comes last. The repository's root is left out: `qa.md` there may be anything.
    return folder === '' ? named : [...named, base]
  })
  const given = values.roleInstructionsDir === null ? [] : [values.roleInstructionsDir]
  return [...given, ...inRepository, join(values.home, 'team_roles'), join(values.home, 'agent_instructions')]
}

/**
 * A role's instructions and the file they are from; null for the built-in text. Throws CONFIG_INVALID when a file is there but is no
 * file, cannot be read, is too large, or is named in the repository and lies outside it: whoever wrote a clone also chose its links.
 */
export function roleInstructions(config: Pick<Config, 'values'>, role: string): { text: string; path: string | null } {
  if (!ROLE.test(role)) throw new RunnerError('USAGE', `${JSON.stringify(role)} is not a role's name`)
  for (const folder of roleFolders(config)) {
    const path = join(folder, `${role}.md`)
    try {
      const read = readPlainFile(path, LIMITS.roleInstructions.most)
      if (read.is === 'absent') continue
      if (leaves(config.values.repo, folder, path))
        throw new RunnerError('CONFIG_INVALID', `${path} is a link that leads out of the repository, and is not read`)
      if (read.is === 'large') throw new RunnerError('CONFIG_INVALID', `${path} is larger than ${limitWords('roleInstructions')}`)
      if (read.is !== 'file') throw new RunnerError('CONFIG_INVALID', `${path} ${read.says}`)
      const text = read.bytes.toString('utf8').trim()
      if (text !== '') return { text: `${text}\n`, path }
    } catch (thrown) {
      if (thrown instanceof RunnerError) throw thrown
      throw new RunnerError('CONFIG_INVALID', `${path}: cannot be read (${(thrown as NodeJS.ErrnoException).code})`, { cause: thrown })
    }
  }
  return { text: builtInRole(role), path: null }
}

/** Whether a file that is named below the repository lies outside it once all links are followed. */
const leaves = (repo: string, folder: string, path: string) =>
  folder.startsWith(`${repo}${sep}`) && existsSync(path) && !realpathSync(path).startsWith(`${realpathSync(repo)}${sep}`)
