import type { Command } from 'commander'
import { type CommandIo, processIo } from './command/command-io.ts'
import type { Shell } from './completion/scripts.ts'

/** Declares `completion`. */
export function completionCommand(program: Command, io: () => CommandIo = processIo): void {
  program
    .command('completion')
    .addArgument(program.createArgument('<shell>').choices(['bash', 'zsh', 'fish']))
    .description('prints a completion script for a shell')
    .addHelpText(
      'after',
      `
Examples:
  source <(agent-runner completion bash)
  agent-runner completion zsh > "\${fpath[1]}/_agent-runner"
  agent-runner completion fish > ~/.config/fish/completions/agent-runner.fish`,
    )
    .action(async (shell: Shell) => {
      const [{ completionScript }, { wordsOf }] = await Promise.all([import('./completion/scripts.ts'), import('./completion/words-of.ts')])
      io().stdout.write(completionScript(shell, program.name(), wordsOf(program)))
    })
}
