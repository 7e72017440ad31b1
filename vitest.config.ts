import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { measureSlowness } from './tests/support/speed-probe.ts'

if (Number(process.versions.node.split('.')[0]) < 26)
  throw new Error(
    `the tests need the checkout's own Node; this is ${process.version}. Use npm test, or put node_modules/.bin first on PATH`,
  )

// Nothing of the developer's own settings may reach a test, least of all the address of a real PM; nor whether this is a CI.
for (const name of Object.keys(process.env))
  if (/^(HEADLESS_PM_|API_KEY|ANTHROPIC_|CLAUDE|AGENT_RUNNER_|GIT_|(NODE_OPTIONS|CI|FORCE_COLOR)$)/.test(name)) delete process.env[name]

// The same of git's own.
Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' })

// Every deadline of a test grows with it (tests/support/patience.ts).
process.env.TEST_SLOWNESS ??= String(measureSlowness())
const { TEST_HANGS_MS } = await import('./tests/support/patience.ts')

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/prepared.ts'],
    pool: 'forks',
    // Most tests start processes of their own and wait for them: with one more at once than there are cores, no core waits.
    maxWorkers: Math.min(8, availableParallelism() + 1),
    testTimeout: TEST_HANGS_MS,
    hookTimeout: TEST_HANGS_MS,
    sequence: { shuffle: true },
    env: { NO_COLOR: '1' },
  },
})
