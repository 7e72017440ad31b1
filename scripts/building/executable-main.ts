import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { getAssetKeys, getRawAsset } from 'node:sea'
import { runChunks } from './chunk-loader.ts'

// The first thing that runs in the one executable file, where the chunks are assets.
const kept = new Set(getAssetKeys())
const asset = (name: string) => Buffer.from(getRawAsset(name))

/** Random bytes as node:crypto gives them: from the system. */
function randomFillSync(bytes: Uint8Array): Uint8Array {
  const device = openSync('/dev/urandom', 'r')
  try {
    for (let read = 0; read < bytes.length; ) read += readSync(device, bytes, { offset: read })
  } finally {
    closeSync(device)
  }
  return bytes
}

/** Of version 4, as RFC 9562 has it. */
function randomUUID(): string {
  const bytes = Buffer.from(randomFillSync(new Uint8Array(16)))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** undici asks it all the time, and it has a say only when something is wrong. */
const lateAssert = new Proxy(
  (value: unknown, ...message: unknown[]) => {
    if (!value) require('node:assert')(value, ...message)
  },
  { get: (_, name) => (name === '__esModule' ? undefined : Reflect.get(require('node:assert'), name)) },
)

/** All of it takes 4 ms to load, in the middle of a task; and all that a task needs of it are the ids of a run and of a session. */
const forIds: Record<string | symbol, unknown> = existsSync('/dev/urandom') ? { randomFillSync, randomUUID } : {}
const lateCrypto = new Proxy(
  {},
  // The first is what importing asks of every module.
  { get: (_, name) => (name === '__esModule' ? undefined : (forIds[name] ?? Reflect.get(require('node:crypto'), name))) },
)

const late: Record<string, unknown> = { 'node:assert': lateAssert, 'node:crypto': lateCrypto }

runChunks('agent-runner.cjs', {
  text: name => asset(name).toString(),
  compiled: name => (kept.has(`${name}.compiled`) ? asset(`${name}.compiled`) : undefined),
  filename: process.execPath,
  builtin: name => late[name] ?? require(name),
})
