import { basename, join, relative } from 'node:path'
import { build, type Metafile, transform } from 'esbuild'

export interface Chunk {
  /** A file name; the program begins with `agent-runner.cjs`. */
  name: string
  /** CommonJS. */
  text: string
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
    // As Node says when it bundles undici for itself: without a second parser that nobody switches on, a third of its text.
    define: { esbuildDetection: 'true', 'process.env.AGENT_RUNNER_VERSION': JSON.stringify(version), 'import.meta.url': 'bundleUrl' },
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
