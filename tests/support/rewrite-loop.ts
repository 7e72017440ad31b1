import { replaceFile } from '../../src/machine/files/durable-file.ts'

// Replaces a file over and over until it is killed. Argument: the file.
const [path = ''] = process.argv.slice(2)
for (let n = 0; ; n++) {
  replaceFile(path, JSON.stringify({ n, fill: 'x'.repeat(20_000), end: true }))
  if (n === 0) process.stdout.write('going\n')
}
