#!/usr/bin/env node
// Says what each folder of src may import, by the rules of .dependency-cruiser.cjs; with --write it puts that into the README of each folder.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** A README of a folder of src: where it is, its text, and its text with what the rules say. */
interface FolderReadme {
  file: string
  text: string
  wanted: string
}

/** The READMEs of all folders of src. A folder without a rule of its own keeps its text. */
export function folderReadmes(): FolderReadme[] {
  const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as {
    forbidden: { name: string; to: { pathNot?: string } }[]
  }
  return globSync('src/*/**/README.md', { cwd: root }).map(file => {
    const folder = dirname(file).slice('src/'.length)
    const text = readFileSync(join(root, file), 'utf8')
    const rule = forbidden.find(({ name }) => name === `layer ${folder}`)
    const names = /\((.*)\)/.exec(rule?.to.pathNot ?? '')?.[1]?.split('|') ?? []
    const others = names.map(name => name.replace(/\/$/, '')).filter(name => name !== folder)
    const line = others.length > 0 ? others.map(name => `\`${name}\``).join(', ') : 'nothing'
    return { file, text, wanted: rule ? text.replace(/^May import: .*$/m, `May import: ${line}`) : text }
  })
}

if (import.meta.main)
  for (const { file, text, wanted } of folderReadmes()) {
    if (process.argv.includes('--write') && wanted !== text) writeFileSync(join(root, file), wanted)
    console.log(`${file}: ${/^May import: .*$/m.exec(wanted)?.[0] ?? 'no line "May import: …"'}`)
  }
