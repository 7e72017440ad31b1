import type { Command } from 'commander'
import { KEYS, type Key, SERVER_KEYS, setting, TOPICS } from '../../config/schema.ts'

const RUNNER_KEYS = KEYS.filter(key => !SERVER_KEYS.includes(key))

/** The flag with which a command that acts trusts the repository. */
export const TRUST_FLAG = ['--trust', 'trust the repository as it is now, as `agent-runner trust` does; for CI'] as const

/**
 * Adds the flags of settings (all that a runner has, or the named ones) to a command, grouped by topic. The values stay text, because the
 * configuration checks flags, environment and files in one place and with the same words.
 */
export function addRunOptions(command: Command, keys: readonly Key[] = RUNNER_KEYS): Command {
  for (const topic of TOPICS) {
    for (const key of topic.keys) {
      const row = setting(key)
      if (row.flag === null || !keys.includes(key)) continue
      const option = command.createOption(row.flag, sentence(key)).helpGroup(`${topic.title}:`)
      // Choices are for the help and for completion; choices() would also refuse, before the configuration can name the source.
      if (row.choices && row.flagMeans === undefined) option.choices(row.choices).argParser(value => value)
      command.addOption(option)
    }
  }
  return command
}

function sentence(key: Key): string {
  const { says, default: value, unit } = setting(key)
  const plain = typeof value === 'string' || typeof value === 'number'
  return plain ? `${says} (default: ${value}${unit ? ` ${unit}` : ''})` : says
}
