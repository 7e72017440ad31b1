import { Script } from 'node:vm'

/** Where a program's chunks come from. */
export interface ChunkSource {
  /** The framed text. */
  text(name: string): string
  /** Code that was compiled when the program was built, or undefined. */
  compiled(name: string): Buffer | undefined
  /** What chunks see as their own file. */
  filename: string
  /** Node's own modules. */
  builtin(name: string): unknown
  /** Told of every chunk that was compiled. */
  onScript?(name: string, script: Script): void
}

/** A chunk's text in the frame that makes it a function of what a CommonJS module sees. */
export const framed = (text: string) => `(function(require,module,exports,__filename,__dirname){${text}\n})`

/**
 * Runs a program that was split into CommonJS chunks, beginning with the one named. A chunk is only read and compiled when it is
 * reached: that is why a command starts fast although the whole program is large.
 */
export function runChunks(first: string, source: ChunkSource): void {
  const loaded = new Map<string, { exports: unknown }>()
  const folder = source.filename.slice(0, source.filename.lastIndexOf('/'))
  const load = (path: string): unknown => {
    if (!path.startsWith('.')) return source.builtin(path)
    const name = path.slice(path.lastIndexOf('/') + 1)
    const known = loaded.get(name)
    if (known) return known.exports
    const module = { exports: {} }
    loaded.set(name, module)
    const script = new Script(source.text(name), { filename: name, cachedData: source.compiled(name) })
    source.onScript?.(name, script)
    script.runInThisContext()(load, module, module.exports, source.filename, folder)
    return module.exports
  }
  load(`./${first}`)
}
