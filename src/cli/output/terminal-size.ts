/** The assumed size of a terminal that does not tell its size, or says 0, as under `script`, in some editors and in CI. */
const USUAL = { columns: 80, rows: 24 }
/** The smallest size in which a layout is possible, and the largest that a terminal can really have. */
const LEAST = { columns: 20, rows: 4 }
const MOST = { columns: 1_000, rows: 1_000 }

/** The width or height to use for a terminal, from the size that it reports. */
export function saneSize(of: 'columns' | 'rows', said: unknown): number {
  const usable = typeof said === 'number' && Number.isFinite(said) && said >= 1
  return usable ? Math.min(MOST[of], Math.max(LEAST[of], Math.floor(said))) : USUAL[of]
}

/**
 * Makes a terminal's stream report a usable size, now and after each resize, also to libraries: some of them divide by it. Does nothing
 * with a stream that is no terminal.
 */
export function holdSize(stream: { isTTY?: boolean; columns?: number; rows?: number; getWindowSize?(): [number, number] }): void {
  if (!stream.isTTY) return
  for (const name of ['columns', 'rows'] as const) {
    let said: unknown = stream[name]
    Object.defineProperty(stream, name, {
      configurable: true,
      enumerable: true,
      get: () => saneSize(name, said),
      // Node sets it when the window is resized.
      set: (value: unknown) => {
        said = value
      },
    })
  }
  stream.getWindowSize = () => [saneSize('columns', stream.columns), saneSize('rows', stream.rows)]
}
