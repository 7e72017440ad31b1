import { openStateFolder } from '../../machine/locks/state-folder.ts'
import { selfCommand } from '../../machine/process/self.ts'
import { openSink } from '../output/sink.ts'
import type { CommandIo } from './command-io.ts'

/** Opens the state folder for a command as a runner does, and says on stderr what had to be changed in it. Throws STATE_UNUSABLE. */
export function openHome(home: string, io: Pick<CommandIo, 'stderr'>): void {
  for (const message of openStateFolder(home, selfCommand())) openSink(io.stderr).write(`${message}\n`)
}
