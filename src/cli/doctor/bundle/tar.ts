/** One file of an archive. */
export interface Entry {
  /** The path below the archive's folder, with `/` between its parts. */
  path: string
  text: string
}

const BLOCK = 512

/** Files as a tar archive in the POSIX format (ustar), owned by nobody in particular, mode 0600. Throws for a path longer than the format takes. */
export function tar(entries: Entry[], at: Date): Buffer {
  const parts = entries.flatMap(({ path, text }) => {
    const bytes = Buffer.from(text)
    return [header(path, bytes.length, at), bytes, Buffer.alloc(-bytes.length & (BLOCK - 1))]
  })
  // Two empty blocks mark the end.
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

/** The fields and their places: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html (ustar interchange format). */
function header(path: string, size: number, at: Date): Buffer {
  const block = Buffer.alloc(BLOCK)
  const { prefix, name } = split(path)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  block.write(name, 0)
  block.write(octal(0o600, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(size, 11), 124)
  block.write(octal(Math.floor(at.getTime() / 1000), 11), 136)
  // The checksum counts its own field as spaces.
  block.fill(' ', 148, 156)
  block.write('0', 156)
  block.write('ustar\u000000', 257)
  block.write(prefix, 345)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 6)}\0 `, 148)
  return block
}

/** A name takes 100 bytes; of a longer path the first folders go into a field of 155. */
function split(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= 100) return { prefix: '', name: path }
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { prefix, name }
  }
  throw new Error(`the path is too long for a tar archive: ${path}`)
}
