import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Board } from '../../board/board.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { trackerChoice } from '../../config/tracker-choice.ts'
import { NOTHING, TASKS } from '../../config/trust/refusal.ts'
import { RunnerError } from '../../core/errors.ts'
import type { CommandIo } from '../command/command-io.ts'
import { configToLook, configWith } from '../command/configuration.ts'
import { openHome } from '../command/open-home.ts'

/** The file of the embedded board in a state folder. */
export function boardFile(home: string): string {
  return join(home, 'agent-runner.db')
}

/** The flags that say which board is meant. */
export interface BoardFlags {
  home?: string
  repo?: string
  tracker?: string
}

/** The purpose of opening the board. Only `add` makes a board: where there is none, there is nothing to look at and nothing to change. */
export type BoardPurpose = 'look' | 'change' | 'add'

/**
 * Does something on the embedded board of the configured repository and closes it. Throws USAGE when tasks come from
 * elsewhere: a task that no runner would ever see helps nobody.
 */
export async function onBoard<T>(flags: BoardFlags, io: CommandIo, purpose: BoardPurpose, act: (board: Board) => Promise<T>): Promise<T> {
  const { home, repo, tracker } = flags
  const config = await configOf({ home, repo, tracker }, io, purpose)
  const choice = trackerChoice(config)
  if (choice.tracker !== 'embedded')
    throw new RunnerError('USAGE', `tasks come from ${choice.tracker} (${choice.because}), not from the embedded board`, {
      advice: 'Add --tracker embedded to use the embedded board all the same.',
    })
  const file = boardFile(config.values.home)
  const look = purpose === 'look' || (purpose === 'change' && !existsSync(file))
  if (!look) openHome(config.values.home, io)
  // A caller that only asks for the file's name loads no database.
  const { openBoard } = await import('../../board/board.ts')
  const board = await openBoard(file, { project: config.values.repo, look })
  try {
    return await act(board)
  } finally {
    await board.close()
  }
}

/** The configuration that says where tasks come from. */
function configOf(flags: BoardFlags, io: CommandIo, purpose: BoardPurpose): Promise<Config> {
  if (flags.tracker !== undefined) return loadConfig({ flags: { ...flags }, env: io.env, cwd: io.cwd }, NOTHING)
  if (purpose === 'look') return configToLook({ ...flags }, io)
  return configWith({ ...flags }, io, TASKS)
}
