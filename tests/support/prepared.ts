import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { version } from '../../src/cli/command/version.ts'
import { bundleInto } from './bundle.ts'
import { newRepo, USUAL_FILES } from './git-repo.ts'

/**
 * Run by vitest before all tests: makes once what hundreds of them need, so that each has a copy or starts it as it is. The program is
 * built from its sources as it is shipped (program.ts), since a start of the sources takes four times the processor time; and a
 * repository is made (git-repo.ts), since git needs five processes for it.
 */
export default async function prepare(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'agent-runner-prepared-'))
  // Some tests start the program as nobody.
  chmodSync(folder, 0o755)
  // Half of a start of what runs from sources is compiling them.
  process.env.NODE_COMPILE_CACHE = join(folder, 'compiled')
  process.env.TEST_REPO = newRepo(join(folder, 'repo'), USUAL_FILES)
  const build = async () => {
    process.env.TEST_PROGRAM = await bundleInto(join(folder, 'program'), version())
  }
  project.onTestsRerun(build)
  await build()
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
