import type { AskHookRefusal, HookRefusalAnswer } from '../../core/ports/hooks.ts'
import { oneLine, printable } from './clean.ts'
import type { Printer } from './printer-contract.ts'

/**
 * Asks at the terminal what to do with a task that the pre_task hook refused, while the printer holds its lines back.
 * Ctrl-C and the signals answer `stop`.
 */
export function askHookRefusal(
  printer: Pick<Printer, 'suspend' | 'resume'>,
  signal?: AbortSignal,
  terminal: { input?: NodeJS.ReadableStream; output?: NodeJS.WritableStream } = {},
): AskHookRefusal {
  return async (task, result, gone) => {
    const { select } = await import('@inquirer/prompts')
    printer.suspend()
    try {
      const said = printable(result.message).trim()
      return await select<HookRefusalAnswer>(
        {
          message: `The pre_task hook refused “${oneLine(task.title, 60)}”.${said ? `\n${said}\n` : ' '}What now?`,
          choices: [
            { name: 'Run the hook again', value: 'retry', description: result.log ? `What it printed: ${oneLine(result.log)}` : '' },
            { name: 'Skip the check', value: 'skip', description: 'Work on the task although the hook says no.' },
            { name: 'Give the task back', value: 'give_back', description: 'Leave it to another agent or a later time.' },
            { name: 'Stop', value: 'stop', description: 'Give the task back and end this runner.' },
          ],
        },
        { ...terminal, signal: signal ? AbortSignal.any([signal, gone]) : gone },
      )
    } catch (error) {
      // There will be no answer: Ctrl-C, a closed terminal, or our own stop.
      if (error instanceof Error && /^(Exit|Abort|Cancel)PromptError$/.test(error.name)) return 'stop'
      throw error
    } finally {
      printer.resume()
    }
  }
}
