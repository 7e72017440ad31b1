import { expect, test } from 'vitest'
import { startProgram } from './child-program.ts'
import { waitFor } from './wait-for.ts'

const failing = ['-e', 'console.error("nothing works here"); setTimeout(() => process.exit(3), 200)']

test('a wait ends soon, with what was printed, when a program of the test fails meanwhile', async () => {
  startProgram(failing)
  await expect(waitFor('the sun', () => false)).rejects.toThrow(/the sun; .*failed:\nnothing works here/)
})

test('a program that failed before, or that the test ended, ends no wait', async () => {
  const failed = startProgram(failing)
  await failed.exit
  const ended = startProgram(['-e', 'setInterval(() => {}, 1000)'])
  await waitFor('its start', () => ended.running())
  const wait = waitFor('the moon', () => false, 7_000)
  ended.signal('SIGTERM')
  await expect(wait).rejects.toThrow('waited 7000 ms in vain: the moon')
})
