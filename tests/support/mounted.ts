import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'

/** Mounts a small file system in memory on a new folder, unmounted when the test has finished. */
export function mountTmpfs(folder: string, options: string): void {
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' })
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
}

/** Only root may mount, and not in every sandbox. */
export function canMount(): boolean {
  if (process.getuid?.() !== 0) return false
  const folder = mkdtempSync(join(tmpdir(), 'agent-runner-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' })
    execFileSync('umount', [folder])
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true, maxRetries: 5 })
  }
}

/** Takes every byte that is left; answers how to give them back. */
export function fill(folder: string): () => void {
  // Without a small disk of its own this would take the machine's.
  const { blocks, bsize } = statfsSync(folder)
  expect(blocks * bsize).toBeLessThan(16 * 1024 ** 2)
  const path = join(folder, 'filler')
  const file = openSync(path, 'w')
  try {
    for (let size = 65_536; size > 0; ) {
      try {
        if (writeSync(file, Buffer.alloc(size)) < size) size = Math.floor(size / 2)
      } catch {
        size = Math.floor(size / 2)
      }
    }
  } finally {
    closeSync(file)
  }
  return () => rmSync(path)
}
