import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Script } from 'node:vm'
import { runChunks } from './chunk-loader.ts'

/*
 * Runs the program as the executable will, from the chunks beside this file, and keeps at its end what was compiled by then:
 * V8 compiles a function when it is first called, so only a program that has run has compiled what a run needs.
 */
const scripts = new Map<string, Script>()
const file = (name: string) => join(__dirname, name)

process.on('exit', () => {
  for (const [name, script] of scripts) {
    // Several processes may end at once; a file is whole or not there.
    const unfinished = file(`${name}.${process.pid}`)
    writeFileSync(unfinished, script.createCachedData())
    renameSync(unfinished, file(`${name}.compiled`))
  }
})

runChunks('agent-runner.cjs', {
  text: name => readFileSync(file(name), 'utf8'),
  compiled: name => (existsSync(file(`${name}.compiled`)) ? readFileSync(file(`${name}.compiled`)) : undefined),
  filename: __filename,
  builtin: require,
  onScript: (name, script) => scripts.set(name, script),
})
