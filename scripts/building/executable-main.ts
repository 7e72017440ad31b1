import { getAssetKeys, getRawAsset } from 'node:sea'
import { runChunks } from './chunk-loader.ts'

// The first thing that runs in the one executable file, where the chunks are assets.
const kept = new Set(getAssetKeys())
const asset = (name: string) => Buffer.from(getRawAsset(name))

runChunks('agent-runner.cjs', {
  text: name => asset(name).toString(),
  compiled: name => (kept.has(`${name}.compiled`) ? asset(`${name}.compiled`) : undefined),
  filename: process.execPath,
  builtin: require,
})
