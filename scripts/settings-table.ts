#!/usr/bin/env node
// Prints the README's table of settings; with --write puts it between the markers in README.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { settingsTable, withSettingsTable } from '../src/config/table.ts'

const readme = new URL('../README.md', import.meta.url)
if (process.argv.includes('--write')) writeFileSync(readme, withSettingsTable(readFileSync(readme, 'utf8')))
else process.stdout.write(settingsTable())
