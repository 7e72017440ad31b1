import { RunnerError } from '../../core/errors.ts'
import type { CommandIo } from '../command/command-io.ts'
import { configToLook } from '../command/configuration.ts'
import type { KeptWork } from '../compose/kept-work.ts'
import { oneLine, printable } from '../output/clean.ts'
import { paintFor } from '../output/paint.ts'
import { openSink } from '../output/sink.ts'
import { findPieces, type KnownPiece, openShelf } from './shelf.ts'
import { listLines, pieceDocument, restoredLines, showLines } from './view.ts'

type Flags = Record<string, unknown> & { json?: boolean; patch?: boolean; branch?: string }

/** `rescue list`. */
export async function listKept(flags: Flags, io: CommandIo): Promise<void> {
  const { config, print, columns, paint } = await open(flags, io)
  const { work, pieces } = await openShelf(config)
  const kept = []
  for (const known of pieces) kept.push({ known, files: await work.files(known.piece) })
  if (flags.json) {
    const documents = kept.map(({ known, files }) => ({ ...pieceDocument(known), files: files.map(file => file.path) }))
    return print(document({ version: 1, repo: config.values.repo, kept: documents }))
  }
  print(`${listLines(kept, Date.now(), columns, paint).join('\n')}\n`)
}

/** `rescue show WHAT`. Throws USAGE for a piece that is not there, and for the patch of several pieces at once. */
export async function showKept(flags: Flags, io: CommandIo, what: string): Promise<void> {
  const { config, print, columns, paint } = await open(flags, io)
  const { work, pieces } = await openShelf(config)
  const found = findPieces(pieces, what, { home: config.values.home, cwd: io.cwd })
  if (flags.patch && found.length > 1) throw several(what, found, 'one patch')
  const shown = []
  for (const known of found) shown.push({ known, content: await work.content(known.piece, flags.patch === true) })
  if (flags.json) {
    const documents = shown.map(({ known, content: { patch, ...content } }) => ({
      ...pieceDocument(known),
      ...content,
      ...(patch === null ? {} : { patch }),
    }))
    return print(document({ version: 1, kept: documents }))
  }
  if (flags.patch) {
    // A terminal would act on control characters; everything else gets the patch as it is.
    for (const { content } of shown) print(io.stdout.isTTY ? printable(content.patch ?? '') : (content.patch ?? ''))
    return
  }
  for (const [index, { known, content }] of shown.entries()) {
    if (index > 0) print('\n')
    print(`${showLines(known, content, Date.now(), columns, paint).join('\n')}\n`)
  }
}

/** `rescue restore WHAT --branch NAME`. Throws USAGE when the word is ambiguous, and for a branch that exists. */
export async function restoreKept(flags: Flags, io: CommandIo, what: string): Promise<void> {
  const { config, print, columns, paint } = await open(flags, io)
  const { work, pieces } = await openShelf(config)
  const named = findPieces(pieces, what, { home: config.values.home, cwd: io.cwd })
  // A run may have left a clean worktree and the user's own state beside the one piece that matters.
  const worth = named.filter(known => !known.beforeStart && isOnNoBranch(known))
  const found = await different(work, named.length > 1 && worth.length > 0 ? worth : named)
  if (found.length > 1) throw several(what, found, 'one branch')
  const [known] = found as [KnownPiece]
  const restored = await work.restore(known.piece, flags.branch ?? '')
  if (flags.json) return print(document({ version: 1, ...restored, from: pieceDocument(known) }))
  print(`${restoredLines(known, restored, columns, paint).join('\n')}\n`)
}

/** Leaves one piece, the first, of those that hold the same (a worktree, and the ref that was made of it). */
async function different(work: KeptWork, pieces: KnownPiece[]): Promise<KnownPiece[]> {
  if (pieces.length < 2) return pieces
  const byTree = new Map<string, KnownPiece>()
  for (const known of pieces) {
    const tree = await work.tree(known.piece)
    if (!byTree.has(tree)) byTree.set(tree, known)
  }
  return [...byTree.values()]
}

function isOnNoBranch({ piece }: KnownPiece): boolean {
  return piece.kind === 'ref' ? piece.commits > 0 : piece.uncommitted.length > 0
}

function several(what: string, found: KnownPiece[], wish: string): RunnerError {
  const names = found.map(({ name }) => oneLine(name)).join(', ')
  return new RunnerError(
    'USAGE',
    `${oneLine(JSON.stringify(what))} means ${found.length} pieces of work, which make more than ${wish}: ${names}`,
    {
      advice: 'Name one of them.',
    },
  )
}

async function open(flags: Flags, io: CommandIo) {
  const config = await configToLook(flags, io)
  const sink = openSink(io.stdout, { complete: true })
  return { config, print: (text: string) => sink.write(text), columns: sink.columns(), paint: await paintFor(io.stdout, io.env) }
}

function document(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
