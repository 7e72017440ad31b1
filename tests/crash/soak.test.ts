import { expect, test } from 'vitest'
import { patience } from '../support/patience.ts'
import { SELF } from '../support/program.ts'
import { soak } from '../support/soak/soak.ts'

test(
  'four runners at one PM, killed again and again, with faults on the way: every task is done once and nothing grows',
  async () => {
    const { tally, findings } = await soak({ seconds: 25, seed: 3, self: SELF, env: process.env })
    expect(findings).toEqual([])
    expect(tally.cases).toBeGreaterThan(10)
    expect(tally.strikes).toBeGreaterThan(2)
    for (const [promise, { checked }] of Object.entries(tally.held)) expect(checked, promise).toBeGreaterThan(0)
  },
  patience(600_000),
)
