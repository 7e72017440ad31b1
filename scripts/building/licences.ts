import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'

/** The licences of the packages whose code is in the program, as they ask to be passed on with it. */
export function licencesOf(root: string, { inputs }: Metafile): string {
  const folders = new Set(Object.keys(inputs).flatMap(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))
  return [...folders]
    .sort()
    .map(folder => join(root, folder))
    .filter(folder => existsSync(join(folder, 'package.json')))
    .map(folder => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
      const file = readdirSync(folder).find(name => /^licen[cs]e(\.|$)/i.test(name))
      return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), 'utf8').trim() : ''}\n`
    })
    .join(`\n${'-'.repeat(80)}\n\n`)
}
