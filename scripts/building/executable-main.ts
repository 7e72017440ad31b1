import { getAssetKeys, getRawAsset } from 'node:sea'
import { runChunks } from './chunk-loader.ts'

// The first thing that runs in the one executable file, where the chunks are assets.
const kept = new Set(getAssetKeys())
const asset = (name: string) => Buffer.from(getRawAsset(name))

/** Loaded when something of it is used: it takes 4 ms of a start, and a start has no use for it. */
const lateCrypto = new Proxy(
  {},
  // The first is what importing asks of every module.
  { get: (_, name) => (name === '__esModule' ? undefined : Reflect.get(require('node:crypto'), name)) },
)

runChunks('agent-runner.cjs', {
  text: name => asset(name).toString(),
  compiled: name => (kept.has(`${name}.compiled`) ? asset(`${name}.compiled`) : undefined),
  filename: process.execPath,
  builtin: name => (name === 'node:crypto' ? lateCrypto : require(name)),
})
