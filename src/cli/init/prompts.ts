import { check } from '../../config/check.ts'
import { type Key, setting } from '../../config/schema.ts'
import type { Z } from '../../config/setting.ts'
import { KNOWN_ROLES } from '../../core/task.ts'
import type { CommandIo } from '../command/command-io.ts'
import { type InitKey, isOptional, QUESTIONS } from './questions.ts'

/** Asks on the terminal. Rejects when the user leaves with Ctrl-C. */
export async function openPrompts(z: Z, io: CommandIo) {
  const { input, password, select } = await import('@inquirer/prompts')
  // Questions go to stderr, so that stdout stays for what a script reads.
  const context = { input: io.stdin as unknown as NodeJS.ReadableStream, output: io.stderr }
  const fits = (key: Key) => (text: string) => {
    const checked = check(z, key, { raw: text, asText: true, source: { kind: 'flag', name: key, path: null, line: null } })
    return 'problem' in checked ? checked.problem.message.slice(checked.problem.message.indexOf(': ') + 2) : true
  }

  return {
    target: () =>
      select(
        {
          message: 'Which file shall hold the answers?',
          choices: [
            { value: 'user', name: "user: the user's own, for every repository" },
            { value: 'project', name: 'project: agent-runner.yaml in this repository, for everybody who works on it' },
          ],
        },
        context,
      ),
    setting(key: InitKey, usual: string | null): Promise<string> {
      const choices = (setting(key).choices ?? []).filter(choice => choice !== 'auto')
      const message = QUESTIONS[key]
      if (choices.length > 0)
        return select({ message, choices: choices.map(value => ({ value, name: value })), default: usual ?? undefined }, context)
      const hint = key === 'role' ? ` (${KNOWN_ROLES.join(', ')} or another)` : ''
      return input(
        {
          message: message + hint,
          default: usual ?? undefined,
          required: !isOptional(key),
          validate: text => (text === '' && isOptional(key)) || fits(key)(text),
        },
        context,
      )
    },
    apiKey: () => password({ message: 'What is its key? (empty: none)', mask: true }, context),
  }
}
