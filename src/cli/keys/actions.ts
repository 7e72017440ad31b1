import type { ControlPlane } from '../../board/control-plane.ts'
import type { Key } from '../../board/keys/keys.ts'
import type { KeyKind } from '../../board/store/schema.ts'
import { DATABASE } from '../../config/trust/refusal.ts'
import type { CommandIo } from '../command/command-io.ts'
import { configWith } from '../command/configuration.ts'
import { oneLine } from '../output/clean.ts'
import { reveal } from '../output/guard.ts'
import { columnsOf } from '../output/layout.ts'
import { openSink } from '../output/sink.ts'
import { openConfiguredPlane } from '../server/database.ts'

type Flags = Record<string, unknown> & { json?: boolean }

/** Whoever is at the machine sees the keys of all customers. */
const OPERATOR = { customer: null, name: 'user' }

/** `keys create`. Prints only the key on stdout, for scripts; everything else goes to stderr. */
export async function createKey(flags: Flags & { kind: KeyKind; customer?: string; name: string }, io: CommandIo): Promise<void> {
  // A worker works for one customer; where there are no customers, that is the customer without a name.
  const customer = flags.customer ?? (flags.kind === 'worker' ? '' : null)
  const made = await onPlane(flags, io, plane => plane.keys.create({ kind: flags.kind, customer, name: flags.name }))
  reveal(io.stdout, flags.json ? json(made) : `${made.key}\n`)
  if (!flags.json) openSink(io.stderr).write(`${made.id}: a key of the kind ${made.kind} for ${ownerOf(made)}. It is not shown again.\n`)
}

/** `keys list`. */
export async function listKeys(flags: Flags, io: CommandIo): Promise<void> {
  const keys = await onPlane(flags, io, async plane => {
    const all: Key[] = []
    for (let before: number | null = null; ; ) {
      const page: { items: Key[]; next: number | null } = await plane.keys.list(OPERATOR, { limit: 500, before })
      all.push(...page.items)
      if (page.next === null) return all
      before = page.next
    }
  })
  print(io, flags.json ? json(keys) : lines(keys, io.stdout.isTTY === true))
  if (keys.length === 0 && !flags.json) openSink(io.stderr).write('No key yet. Make one: agent-runner keys create --kind admin\n')
}

/** `keys revoke ID`. */
export async function revokeKey(flags: Flags, io: CommandIo, id: string): Promise<void> {
  const key = await onPlane(flags, io, plane => plane.keys.revoke(OPERATOR, id))
  print(io, flags.json ? json(key) : `revoked ${key.id} (${key.prefix}…)\n`)
}

async function onPlane<T>({ home, repo, database }: Flags, io: CommandIo, act: (plane: ControlPlane) => Promise<T>): Promise<T> {
  const config = await configWith({ home, repo, database }, io, DATABASE)
  const plane = await openConfiguredPlane(config, io)
  try {
    return await act(plane)
  } finally {
    await plane.close()
  }
}

const ownerOf = ({ customer }: Key) => (customer === null ? 'all customers' : customer === '' ? 'those without a customer' : customer)

/** Columns on a terminal, otherwise fields separated by tabs. */
function lines(keys: Key[], terminal: boolean): string {
  const state = (key: Key) => (key.revokedAt ? `revoked ${key.revokedAt}` : `used ${key.lastUsedAt ?? 'never'}`)
  const rows = keys.map(key => [key.id, `${key.prefix}…`, key.kind, oneLine(ownerOf(key)), oneLine(key.name), state(key)])
  if (!terminal) return rows.map(row => `${row.join('\t')}\n`).join('')
  const widths = [0, 1, 2, 3, 4].map(column => Math.max(...rows.map(row => columnsOf(row[column]!))))
  const padded = (text: string, i: number) => text + ' '.repeat(Math.max(0, (widths[i] ?? 0) - columnsOf(text)))
  return rows.map(row => `${row.map(padded).join('  ').trimEnd()}\n`).join('')
}

function print(io: CommandIo, text: string): void {
  if (text !== '') openSink(io.stdout, { complete: true }).write(text)
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
