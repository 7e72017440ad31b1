import { DatabaseSync } from 'node:sqlite'

// The second process of a trial on a disk whose locks keep nobody out: it asks SQLite not to lock at all.
new DatabaseSync(`file:${process.argv.at(-1)}?vfs=unix-none`).exec('BEGIN EXCLUSIVE')
