import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { Plugin } from 'esbuild'

/**
 * Libraries as they are bundled, without what a start pays for and a runner has no use for. Each edit names the text that it expects, and
 * the build fails when a new version of the library no longer has it.
 */
export function lighterLibraries(): Plugin[] {
  return [
    // For commands that are programs of their own, which we have none of. That alone takes 2 of the 25 ms of a start.
    edited('commander/lib/command.js', [
      "import childProcess from 'node:child_process';",
      "const childProcess = { spawn: (...args) => process.getBuiltinModule('node:child_process').spawn(...args) };",
    ]),
    // Messages in fifty languages, of which only the English ones are used: more than half of what a start would have to read.
    edited('zod/v4/locales/index.js', [null, "export { default as en } from './en.js'"]),
    // Both are needed where a stream of Node's own http is given up, or a server speaks HTTP/2, which is met later, if ever. They take 3 ms.
    edited(
      'undici/lib/dispatcher/client.js',
      ["const connectH2 = require('./client-h2.js')", "const connectH2 = (...args) => require('./client-h2.js')(...args)"],
      ["const http = require('node:http')", 'const http = { get maxHeaderSize () { return 16384 } }'],
    ),
    edited(
      'undici/lib/core/util.js',
      [
        "const { IncomingMessage } = require('node:http')",
        "const lazily = {}; Object.defineProperty(lazily, 'IncomingMessage', { get: () => require('node:http').IncomingMessage })",
      ],
      ['.constructor === IncomingMessage)', '.constructor === lazily.IncomingMessage)'],
    ),
    calmParser(),
  ]
}

/**
 * V8 makes the best machine code of undici's parser, which is WebAssembly, after some answers: 20 ms of a processor in the middle of a
 * task, for a runner that reads a few answers a minute. Its budget counts from when the parser is made; the flag is put back at once, since
 * compiled code is refused under flags other than those it was made with.
 */
function calmParser(): Plugin {
  const usual = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).match(/--wasm-tiering-budget=\d+/)?.[0]
  if (!usual) throw new Error('V8 no longer has the flag --wasm-tiering-budget: look at calmParser')
  return edited('undici/lib/dispatcher/client-h1.js', [
    'llhttpInstance = lazyllhttp()',
    `const { setFlagsFromString } = require('node:v8')
    setFlagsFromString('--wasm-tiering-budget=2000000000')
    try { llhttpInstance = lazyllhttp() } finally { setFlagsFromString('${usual}') }`,
  ])
}

/** A file of a package with these texts replaced; null stands for all of it. */
function edited(file: string, ...edits: [expected: string | null, instead: string][]): Plugin {
  return {
    name: `lighter ${file}`,
    setup(build) {
      const filter = new RegExp(`node_modules/${RegExp.escape(file)}$`)
      build.onLoad({ filter }, async ({ path }) => {
        let contents = await readFile(path, 'utf8')
        for (const [expected, instead] of edits) {
          if (expected !== null && contents.split(expected).length !== 2) throw new Error(`${file} has not once: ${expected}`)
          contents = expected === null ? instead : contents.replace(expected, () => instead)
        }
        return { contents, loader: 'js' }
      })
    },
  }
}
