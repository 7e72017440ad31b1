import type { Config } from '../../config/config.ts'
import { shellWord } from '../../core/text/shell-word.ts'
import { openRunFiles } from '../../machine/journal/run-files.ts'
import { selfCommand } from '../../machine/process/self.ts'
import { dryRun } from '../../runner/dry-run.ts'
import { NOTHING_TO_DO } from '../../runner/loop.ts'
import { Stops } from '../../runner/shutdown.ts'
import { composeRunner } from '../compose/compose.ts'
import { oneLine, printable } from '../output/clean.ts'

/** `run --dry-run`: prints what would be taken and how. Exit code 14 when there is nothing to take. */
export async function showDryRun(config: Config, json: boolean): Promise<number> {
  const stops = new Stops()
  const context = await composeRunner(config, {
    stops,
    files: openRunFiles(config.values.home),
    emit: event => {
      if (event.type === 'warning') process.stderr.write(`agent-runner: ${oneLine(event.message)}\n`)
    },
    env: process.env,
    self: selfCommand(),
    askHookRefusal: null,
    look: true,
  })
  try {
    const found = await dryRun(context)
    if (!found) return tellNothing(config, json)
    if (json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
    else {
      const { task, model, workspace, command, prompt } = found
      const lines = [
        `task       ${oneLine(task.id)}  ${oneLine(task.title)}`,
        `           ${task.role}, ${task.seniority}, ${task.complexity}, status ${task.status}`,
        `model      ${model}`,
        `workspace  ${workspace.kind} ${workspace.path}${workspace.branch ? ` on ${workspace.branch}` : ''}`,
        ...(workspace.remark ? [`           ${oneLine(workspace.remark)}`] : []),
        `command    ${[command.file, ...command.args].map(word => shellWord(printable(word))).join(' ')}`,
        'prompt',
        ...printable(prompt)
          .trimEnd()
          .split('\n')
          .map(line => `  ${line}`.trimEnd()),
      ]
      process.stdout.write(`${lines.join('\n')}\n`)
    }
    return 0
  } finally {
    context.tracker.close()
  }
}

function tellNothing(config: Config, json: boolean): number {
  const { agentId, role } = config.values
  process.stdout.write(json ? 'null\n' : `nothing to do for ${agentId} (${role})\n`)
  return NOTHING_TO_DO
}
