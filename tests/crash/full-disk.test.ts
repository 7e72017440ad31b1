import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { attemptFolder, readAttemptFile } from '../../src/system/attempt-files.ts'
import { isAlive } from '../../src/system/processes.ts'
import { headlessPmStage } from '../support/crash-stage.ts'
import { expectDoneOnce } from '../support/invariants.ts'
import { canMount, mountTmpfs } from '../support/mounted.ts'
import { waitFor } from '../support/wait-for.ts'

/** A disk of its own, full soon. */
const smallDisk = (folder: string) => mountTmpfs(folder, 'size=256k')

/** Takes every byte that is left; answers how to give them back. */
function fill(folder: string): () => void {
  const path = join(folder, 'filler')
  const file = openSync(path, 'w')
  try {
    for (let size = 65_536; size > 0; ) {
      try {
        if (writeSync(file, Buffer.alloc(size)) < size) size = Math.floor(size / 2)
      } catch {
        size = Math.floor(size / 2)
      }
    }
  } finally {
    closeSync(file)
  }
  return () => rmSync(path)
}

test.skipIf(!canMount())('a disk that is full when the agent ends: all goes on by itself once there is room', async () => {
  const stage = await headlessPmStage({ makeHome: smallDisk })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(2)
  const runner = stage.start({ continuous: true })
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 2)
  const free = fill(stage.home)
  stage.agent.letGo()
  await waitFor('the agent has ended', () => !isAlive(stage.attempt()!.agent!))
  free()
  await waitFor('done', async () => (await stage.board.task(id)).status === 'dev_done')
  await waitFor('released', () => stage.lock() === null)
  runner.signal('SIGTERM')
  expect(await runner.exit, runner.output()).toEqual({ code: 0, signal: null })
  // How it ended could not be written down at first, and was not forgotten.
  const exit = readAttemptFile(attemptFolder(stage.home, stage.runs()[0]!, 1), 'exit')
  expect(exit).toMatchObject({ code: 0, cause: null })
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})

test.skipIf(!canMount())('a disk that is full when the report is made: it is on the task once, and the next start goes on', async () => {
  const stage = await headlessPmStage({ makeHome: smallDisk })
  const id = await stage.board.add('Make it so', 'major')
  stage.agent.hold(3)
  const runner = stage.start()
  await waitFor('an agent at work', () => stage.attempt()?.agent && stage.agent.written().length === 3)
  await stage.board.goAway()
  stage.agent.letGo()
  await waitFor('a try to report', () => stage.lock()?.steps.at(-1)?.name === 'report')
  const free = fill(stage.home)
  await stage.board.comeBack()
  expect((await runner.exit).code, runner.output()).toBe(73)
  expect((await stage.board.task(id)).status).toBe('dev_done')
  expect(stage.lock()!.steps.at(-1)).toMatchObject({ name: 'report', finishedAt: null })
  free()
  await stage.finish()
  expect(stage.agent.starts()).toHaveLength(1)
  await expectDoneOnce(stage, id)
})
