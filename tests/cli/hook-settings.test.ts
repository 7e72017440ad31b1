import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hookOptions } from '../../src/cli/compose/hook-settings.ts'
import { loadConfig } from '../../src/config/load.ts'
import { openHooks } from '../../src/machine/hooks/hooks.ts'
import { writeFiles } from '../support/git-repo.ts'
import { tempFolder } from '../support/temp.ts'
import { trustAsItIs } from '../support/trusted.ts'

async function spaceToldToHook(flags: Record<string, unknown>): Promise<string> {
  const repo = tempFolder()
  writeFiles(repo, { 'hooks/health_check': `#!/bin/sh\necho "\${AGENT_RUNNER_MIN_FREE_MB:-nothing}"\n` })
  chmodSync(join(repo, 'hooks/health_check'), 0o755)
  await trustAsItIs(repo, join(repo, 'home'))
  const config = await loadConfig({ flags: { home: join(repo, 'home'), ...flags }, env: {}, cwd: repo })
  const document = {
    version: 1 as const,
    event: 'health_check' as const,
    agent: { id: 'a', role: 'qa', level: 'senior' as const },
    run_id: null,
    task: null,
    workspace: null,
    model: null,
    tracker: { name: 'embedded', url: '' },
    state_dir: config.values.home,
  }
  const hooks = openHooks(hookOptions(config))
  return (
    await hooks.run('health_check', { ...document, agent_command: null }, join(repo, 'log'), AbortSignal.timeout(20_000))
  ).message.trim()
}

test('the configured free space reaches the hooks; by default they go by their own', async () => {
  expect(await spaceToldToHook({ minFreeDisk: '77' })).toBe('77')
  expect(await spaceToldToHook({})).toBe(process.env.AGENT_RUNNER_MIN_FREE_MB ?? 'nothing')
})
