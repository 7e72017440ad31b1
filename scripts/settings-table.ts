#!/usr/bin/env node
// Prints the README's table of settings; with --write puts it, and the table of limits, between their markers in README.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { settingsTable, withTables } from '../src/config/table.ts'

const readme = new URL('../README.md', import.meta.url)
if (process.argv.includes('--write')) writeFileSync(readme, withTables(readFileSync(readme, 'utf8')))
else process.stdout.write(settingsTable())
