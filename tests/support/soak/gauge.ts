import { readdirSync, readFileSync } from 'node:fs'
import type { Lane } from '../../../src/cli/chaos/lane.ts'
import { quantile } from '../../../src/cli/chaos/tally.ts'

/** How often is measured, in milliseconds. */
const EVERY_MS = 500

interface Sample {
  at: number
  /** Private memory, in bytes. */
  memory: number
  files: number
}

/** What a runner that is never killed needs, in the middle of its life and at the end. */
export interface Growth {
  memory: [middle: number, end: number]
  files: [middle: number, end: number]
}

/** Measures runners all the time. */
export interface Gauge {
  /** Of the process: null when it lived too short a time to tell. */
  growth(pid: number): Growth | null
  /** The most of all processes. */
  most(): { memory: number; files: number }
  end(): void
}

/** Begins to measure the runners of these lanes. Linux only. */
export function startGauge(lanes: readonly Lane[]): Gauge {
  const samples = new Map<number, Sample[]>()
  const look = () => {
    for (const lane of lanes) {
      const runner = lane.runners.at(-1)
      const sample = runner?.running() ? measured(runner.pid) : null
      if (runner && sample) samples.set(runner.pid, [...(samples.get(runner.pid) ?? []), sample])
    }
  }
  const timer = setInterval(look, EVERY_MS)
  return {
    growth(pid) {
      const all = samples.get(pid) ?? []
      // The first third is warming up.
      const third = Math.floor(all.length / 3)
      if (third < 4) return null
      const middle = all.slice(third, 2 * third)
      const end = all.slice(-third)
      // What is in use for a while only is no growth: the low values count.
      const low = (part: Sample[], key: 'memory' | 'files') =>
        quantile(
          part.map(sample => sample[key]),
          0.1,
        )!
      const both = (key: 'memory' | 'files'): [number, number] => [low(middle, key), low(end, key)]
      return { memory: both('memory'), files: both('files') }
    },
    most() {
      const all = [...samples.values()].flat()
      return { memory: Math.max(0, ...all.map(({ memory }) => memory)), files: Math.max(0, ...all.map(({ files }) => files)) }
    },
    end: () => clearInterval(timer),
  }
}

function measured(pid: number): Sample | null {
  try {
    const kilobytes = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    if (kilobytes === undefined) return null
    return { at: performance.now(), memory: Number(kilobytes) * 1024, files: readdirSync(`/proc/${pid}/fd`).length }
  } catch {
    return null
  }
}
