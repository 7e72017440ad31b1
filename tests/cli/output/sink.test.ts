import { spawn } from 'node:child_process'
import { closeSync, createWriteStream, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { openSink } from '../../../src/cli/output/sink.ts'
import { tempFolder } from '../../support/temp.ts'
import { waitFor } from '../../support/wait-for.ts'

/** A sink on a real file, on a disk that has `room` bytes left. */
function onDisk(disk: { room: number }) {
  const path = join(tempFolder(), 'log')
  const fd = openSync(path, 'a')
  const stream = createWriteStream(path, { fd, autoClose: false })
  onTestFinished(() => closeSync(fd))
  const write = (to: number, bytes: Buffer) => {
    if (disk.room === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const taken = writeSync(to, bytes, 0, Math.min(disk.room, bytes.length))
    disk.room -= taken
    return taken
  }
  return { sink: openSink(stream, { write, missing: lines => `${lines} missing\n` }), text: () => readFileSync(path, 'utf8') }
}

/** A program with a sink on its stdout. */
function program(body: string, stdout: 'pipe' | number) {
  const module = new URL('../../../src/cli/output/sink.ts', import.meta.url).href
  const code = `import { openSink } from ${JSON.stringify(module)}\n${body}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', stdout, 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exit = new Promise<number | null>(resolve => child.on('exit', resolve))
  return { child, exit, stderr: text(child.stderr!) }
}

test('lines written while the disk is full are there, whole and in order, once it has room', () => {
  const disk = { room: 10 }
  const { sink, text } = onDisk(disk)
  for (const line of ['one', 'two', 'three', 'four']) sink.write(`${line}\n`)
  expect(text()).toBe('one\ntwo\nth')
  disk.room = 1_000
  sink.write('five\n')
  expect(text()).toBe('one\ntwo\nthree\nfour\nfive\n')
})

test('a disk that stays full costs lines, not memory, and the log says how many', () => {
  const disk = { room: 0 }
  const { sink, text } = onDisk(disk)
  const line = `${'x'.repeat(1023)}\n`
  for (let n = 0; n < 1_030; n++) sink.write(line)
  disk.room = 10_000_000
  sink.write('at last\n')
  expect(text()).toBe(`${line.repeat(1_024)}6 missing\nat last\n`)
})

test.skipIf(!existsSync('/dev/full'))('a full device never ends the program', async () => {
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  const { exit, stderr } = program(
    `const sink = openSink(process.stdout); for (let n = 0; n < 100; n++) sink.write('line\\n'); setTimeout(() => console.error('alive'), 50)`,
    full,
  )
  expect(await exit).toBe(0)
  expect(await stderr).toBe('alive\n')
})

test('a reader that went away ends the output, not the program, and is told of', async () => {
  const { child, exit, stderr } = program(
    `const sink = openSink(process.stdout)
     sink.gone.addEventListener('abort', () => { sink.write('into the void\\n'); clearInterval(timer); console.error('gone') })
     const timer = setInterval(() => sink.write('line\\n'), 1)`,
    'pipe',
  )
  child.stdout!.once('data', () => child.stdout!.destroy())
  expect(await exit).toBe(0)
  expect(await stderr).toBe('gone\n')
})

test('a reader that does not read holds nobody up, and later sees where lines are missing', async () => {
  const { child, exit } = program(
    `const sink = openSink(process.stdout, { missing: lines => lines + ' missing\\n' })
     for (let n = 0; n < 5000; n++) sink.write('x'.repeat(1023) + '\\n')
     console.error('not held up')
     let later = 0
     setInterval(() => sink.write('later ' + later++ + '\\n'), 20)`,
    'pipe',
  )
  let said = ''
  child.stderr!.on('data', part => (said += part))
  await waitFor('all lines were handed over', () => said === 'not held up\n')
  let out = ''
  child.stdout!.setEncoding('utf8').on('data', part => (out += part))
  await waitFor('the reader has caught up', () => /later \d+\n/.test(out))
  // Those of the later ones that came before there was room are missing too.
  const missing = Number(/^(\d+) missing$/m.exec(out)?.[1]) - Number(/^later (\d+)$/m.exec(out)?.[1])
  expect(missing).toBeGreaterThan(3_000)
  expect(out.split('\n').filter(line => line.startsWith('x'))).toHaveLength(5_000 - missing)
  child.kill('SIGKILL')
  await exit
})

test('a command that has to be complete leaves nothing out, however slow its reader', async () => {
  const { child, exit } = program(
    `const sink = openSink(process.stdout, { complete: true }); for (let n = 0; n < 5000; n++) sink.write('x'.repeat(1023) + '\\n'); console.error('done')`,
    'pipe',
  )
  await new Promise(resolve => child.stderr!.once('data', resolve))
  expect(await text(child.stdout!)).toHaveLength(5_000 * 1_024)
  expect(await exit).toBe(0)
})
