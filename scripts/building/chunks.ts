import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { build, type Metafile, type Plugin, transform } from 'esbuild'

export interface Chunk {
  /** A file name; the program begins with `agent-runner.cjs`. */
  name: string
  /** CommonJS. */
  text: string
}

/**
 * commander loads node:child_process for commands that are programs of their own, which we have none of. That alone takes
 * 2 of the 25 ms of a start.
 */
const lazyChildProcess: Plugin = {
  name: 'lazy-child-process',
  setup(build) {
    build.onLoad({ filter: /node_modules\/commander\/lib\/command\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = text.replace(
        /^import childProcess from 'node:child_process';$/m,
        "const childProcess = { spawn: (...args) => process.getBuiltinModule('node:child_process').spawn(...args) };",
      )
      if (contents === text) throw new Error('commander no longer imports node:child_process as expected: look at lazyChildProcess')
      return { contents, loader: 'js' }
    })
  },
}

/** zod's messages in fifty languages, of which only the English ones are used: more than half of what a start would have to read. */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup(build) {
    build.onLoad({ filter: /node_modules\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js'",
      loader: 'js',
    }))
  },
}

/** undici loads HTTP/2 at once; a server that speaks it is met later, if ever. It takes 2 ms. */
const lazyHttp2: Plugin = {
  name: 'lazy-http2',
  setup(build) {
    build.onLoad({ filter: /node_modules\/undici\/lib\/dispatcher\/client\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = text.replace(
        /^const connectH2 = require\('\.\/client-h2\.js'\)$/m,
        "const connectH2 = (...args) => require('./client-h2.js')(...args)",
      )
      if (contents === text) throw new Error('undici no longer loads HTTP/2 as expected: look at lazyHttp2')
      return { contents, loader: 'js' }
    })
  },
}

/**
 * V8 makes the best machine code of undici's parser, which is WebAssembly, after some answers: 20 ms of a processor in the middle of a
 * task, for a runner that reads a few answers a minute. Its budget counts from when the parser is made; the flag is put back at once, since
 * compiled code is refused under flags other than those it was made with.
 */
const calmParser: Plugin = {
  name: 'calm-parser',
  setup(build) {
    const usual = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).match(/--wasm-tiering-budget=\d+/)?.[0]
    if (!usual) throw new Error('V8 no longer has the flag --wasm-tiering-budget: look at calmParser')
    build.onLoad({ filter: /node_modules\/undici\/lib\/dispatcher\/client-h1\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = text.replace(
        /^ {4}llhttpInstance = lazyllhttp\(\)$/m,
        `const { setFlagsFromString } = require('node:v8')
        setFlagsFromString('--wasm-tiering-budget=2000000000')
        try { llhttpInstance = lazyllhttp() } finally { setFlagsFromString('${usual}') }`,
      )
      if (contents === text) throw new Error('undici no longer makes its parser as expected: look at calmParser')
      return { contents, loader: 'js' }
    })
  },
}

/** Of a CommonJS package behind `await import()` esbuild exports nothing but `default` when it splits; Node gives the names as well. */
const NAMED_EXPORTS = `for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(module.exports.default)))
  if (!(name in module.exports)) Object.defineProperty(module.exports, name, property)`

/** The program as chunks, split where it says `await import()`, so that a command loads only what it needs. */
export async function chunksOf(root: string, entry: string, version: string): Promise<{ chunks: Chunk[]; metafile: Metafile }> {
  const shared = { platform: 'node', target: 'node26', minifySyntax: true, minifyWhitespace: true, legalComments: 'none' } as const
  const result = await build({
    ...shared,
    absWorkingDir: root,
    entryPoints: { 'agent-runner': entry },
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    // esbuild splits ES modules only; each chunk becomes CommonJS afterwards, which compiled code can be kept for.
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'warning',
    plugins: [lazyChildProcess, oneLanguage, lazyHttp2, calmParser],
    define: { 'process.env.AGENT_RUNNER_VERSION': JSON.stringify(version), 'import.meta.url': 'bundleUrl' },
  })
  const { inputs, outputs } = result.metafile
  const chunks = result.outputFiles.map(async ({ path, text }) => {
    const { entryPoint } = outputs[relative(root, path)]!
    const { code } = await transform(text, {
      ...shared,
      format: 'cjs',
      supported: { 'dynamic-import': false },
      banner: text.includes('bundleUrl') ? "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" : '',
      footer: entryPoint && inputs[entryPoint]?.format === 'cjs' ? NAMED_EXPORTS : '',
    })
    return { name: basename(path), text: code }
  })
  return { chunks: await Promise.all(chunks), metafile: result.metafile }
}

/** Where a chunk lies below the folder of the program. */
export const placeOf = ({ name }: Chunk) => (name === 'agent-runner.cjs' ? name : join('chunks', name))
