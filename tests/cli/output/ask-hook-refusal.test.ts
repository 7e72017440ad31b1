import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { askHookRefusal } from '../../../src/cli/output/ask-hook-refusal.ts'
import type { HookResult } from '../../../src/core/ports/hooks.ts'
import { capture } from '../../support/command-io.ts'
import { task } from '../../support/events.ts'
import { waitFor } from '../../support/wait-for.ts'

const refused: HookResult = { path: '/h', ok: false, exitCode: 1, timedOut: false, message: 'disk \u001b[2Jfull', log: '/log', ms: 5 }
const DOWN = '\u001b[B'

async function asked(keys: string | null, signal?: AbortSignal, gone = new AbortController().signal) {
  const input = new PassThrough()
  const output = capture(80)
  const calls: string[] = []
  const printer = { suspend: () => void calls.push('suspend'), resume: () => void calls.push('resume') }
  const answer = askHookRefusal(printer, signal, { input, output })(task('Mend it'), refused, gone)
  if (keys !== null) {
    await waitFor('the question', () => output.text().includes('Mend it'))
    input.write(keys)
  }
  return { answer: await answer, text: output.text(), calls }
}

test('each choice is what it says, and the printer keeps quiet meanwhile', async () => {
  const answers = []
  for (const keys of ['\r', `${DOWN}\r`, `${DOWN}${DOWN}\r`, `${DOWN}${DOWN}${DOWN}\r`]) {
    const { answer, text, calls } = await asked(keys)
    answers.push(answer)
    expect(text).toContain('full')
    expect(calls).toEqual(['suspend', 'resume'])
  }
  expect(answers).toEqual(['retry', 'skip', 'give_back', 'stop'])
})

test('Ctrl-C, a stop of the runner and one of the run answer stop, and the printer goes on', async () => {
  expect(await asked('\u0003')).toMatchObject({ answer: 'stop', calls: ['suspend', 'resume'] })
  expect(await asked(null, AbortSignal.timeout(50))).toMatchObject({ answer: 'stop', calls: ['suspend', 'resume'] })
  expect(await asked(null, undefined, AbortSignal.timeout(50))).toMatchObject({ answer: 'stop', calls: ['suspend', 'resume'] })
})
