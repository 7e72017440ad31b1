import { readConfig } from '../../src/config/load.ts'
import { recordTrust } from '../../src/config/trust/store.ts'

/** Trusts a repository as it is now, as its user would. */
export async function trustAsItIs(repo: string, home: string): Promise<void> {
  const { config } = await readConfig({ flags: { repo, home }, env: {}, cwd: repo })
  recordTrust(home, config.trust.repo, config.trust.files)
}
