import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Problem } from '../../config/source.ts'
import { PROJECT_FILES, readProjectFile } from '../../config/sources/project-file.ts'
import { projectFileWith } from '../../config/sources/project-file-text.ts'
import { writeUserFile } from '../../config/sources/user-file.ts'
import { RunnerError } from '../../core/errors.ts'
import { serverOf } from './questions.ts'

export interface Answers {
  target: 'user' | 'project'
  settings: Record<string, unknown>
  key: string | null
}

/** Writes the answers and returns the files. Other settings in the files stay. The key never goes into the repository. */
export async function writeAnswers(answers: Answers, places: { repo: string; home: string; project: string | null }): Promise<string[]> {
  const server = serverOf(answers.settings.tracker)
  const key = answers.key === null || server === null ? {} : { [server.key]: answers.key }
  if (answers.target === 'user') return [await writeUserFile(places.home, { ...answers.settings, ...key })]
  const path = places.project ?? join(places.repo, PROJECT_FILES[0] as string)
  await writeProject(path, places.project !== null, answers.settings)
  return answers.key === null ? [path] : [path, await writeUserFile(places.home, key)]
}

async function writeProject(path: string, exists: boolean, settings: Record<string, unknown>): Promise<void> {
  const problems: Problem[] = []
  await readProjectFile(exists ? path : null, problems)
  if (problems.length > 0)
    throw new RunnerError('CONFIG_INVALID', problems.map(problem => problem.message).join('\n'), { advice: 'Mend the file first.' })
  const text = await projectFileWith(exists ? readFileSync(path, 'utf8') : '', settings)
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}
