import type { Tokens } from '../../core/run.ts'

/**
 * List prices in US dollars per million tokens, by a word in the model's name, as the CLI (2.1.329) reckons: the lowest of each family. Only
 * for attempts that were cut off, whose cost the CLI did not tell.
 */
const PRICES: readonly { name: string; input: number; output: number; cacheRead: number; cacheWrite: number }[] = [
  { name: 'haiku', input: 0.5, output: 0.5, cacheRead: 0.05, cacheWrite: 0.625 },
  { name: 'sonnet', input: 2, output: 10, cacheRead: 0.1, cacheWrite: 2.5 },
  { name: 'opus', input: 4, output: 20, cacheRead: 0.2, cacheWrite: 5 },
  { name: 'fable', input: 10, output: 50, cacheRead: 0.25, cacheWrite: 12.5 },
]

/** The least that these tokens cost. An unknown model counts as the cheapest. */
export function leastCostUsd(tokens: Tokens, model: string): number {
  const price = PRICES.find(({ name }) => model.includes(name)) ?? PRICES[0]!
  const { input, output, cacheRead, cacheWrite } = tokens
  return (input * price.input + output * price.output + cacheRead * price.cacheRead + cacheWrite * price.cacheWrite) / 1e6
}
