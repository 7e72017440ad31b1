import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasProc, privateMemory } from './program.ts'
import { type Row, sideBySide } from './row.ts'
import { BARE, bareClaims, bareEvents } from './server-bare.ts'
import { type BenchServer, startBenchServer } from './server-client.ts'
import { EVENTS_EACH, fillQueue, fillWithHistory } from './server-data.ts'
import { type BareDatabase, type Databases, postgresDatabases, sqliteDatabases } from './server-databases.ts'
import { holders, SUBSCRIBERS, sendEvents, serverClaims, toSubscribers } from './server-load.ts'

const FEW = 100
const MANY = 100_000
const TURNS = 3
const [WARM_UP, PAGES] = [20, 60]
const CLAIMS = 200
const [WRITERS, BATCHES, BATCH] = [8, 64, 50]
const TEXT = 'all tests pass, the change is on its branch'

/** What the server of the control plane does in a second, on both stores, next to bare SQL; and how that grows with what there is. */
export async function* server(program: string, scale: number): AsyncGenerator<Row> {
  for (const open of [sqliteDatabases, postgresDatabases]) {
    const databases = await open()
    try {
      yield* await measure(program, databases, Math.max(FEW, Math.round(MANY * scale)))
    } finally {
      await databases.remove()
    }
  }
}

async function measure(program: string, databases: Databases, runs: number): Promise<Row[]> {
  const home = mkdtempSync(join(tmpdir(), 'agent-runner-bench-'))
  const opened: { close(): Promise<void> }[] = []
  const open = async (name: string, history: number) => {
    const database = await databases.create(name)
    opened.push(database)
    await fillWithHistory(database, history)
    const running = await startBenchServer([program, 'server', '--database', database.url, '--home', home], {
      cwd: tmpdir(),
      env: { PATH: process.env.PATH, HOME: home },
    })
    opened.push(running)
    return { database, running }
  }
  try {
    const few = await open('few', FEW)
    const many = await open('many', runs)
    const on = `server, ${databases.name}`
    return [
      ...(await pages(on, few.running, many.running, runs)),
      await claims(on, many.running, many.database),
      await events(on, many.running, many.database),
      ...(await live(on, many.running)),
    ]
  } finally {
    for (const each of opened.reverse()) await each.close()
    rmSync(home, { recursive: true, force: true })
  }
}

/** The lists that people look at, at few runs and at many. */
async function pages(on: string, few: BenchServer, many: BenchServer, runs: number): Promise<Row[]> {
  const cursor = (seq: number) => Buffer.from(String(seq)).toString('base64url')
  const rows: Row[] = []
  for (const [what, path] of [
    ['the first page of runs', () => '/runs?limit=50'],
    ['a page in the middle', (all: number) => `/runs?limit=50&cursor=${cursor(all / 2)}`],
    ['the failed runs', () => '/runs?limit=1&status=FAILED'],
    ["a run's events", (all: number) => `/runs/run_old${all / 2}/events`],
  ] satisfies [string, (all: number) => string][]) {
    const both = { few: () => few.call('GET', path(FEW)), many: () => many.call('GET', path(runs)) }
    // So that each server's code, caches and connections are as they are in use; it takes a millisecond or two each time.
    await sideBySide(WARM_UP, both)
    const ms = await sideBySide(PAGES, both)
    rows.push({
      what: `${on}: ${what}, ${count(runs)} runs ÷ ${FEW}`,
      ...{ value: ms.many / ms.few, unit: '', aim: 1.5, limit: 3 },
      detail: `${ms.many.toFixed(1)} ms, with ${count(runs * EVENTS_EACH)} events ÷ ${ms.few.toFixed(1)} ms`,
    })
  }
  const { search } = await sideBySide(PAGES, { search: () => many.call('GET', '/runs?limit=50&text=nowhere') })
  rows.push({ what: `${on}: a page of a search that finds nothing, ${count(runs)} runs`, value: search, unit: ' ms', aim: 25, limit: 100 })
  return rows
}

async function claims(on: string, running: BenchServer, database: BareDatabase): Promise<Row> {
  const [ours, bare] = await turns(
    () => serverClaims(running, database, CLAIMS),
    async turn => {
      await fillQueue(database, `b${turn}x`, `bare_${turn}`, CLAIMS)
      return timed(() => bareClaims(database, `bare_${turn}`, CLAIMS))
    },
  )
  return { what: `${on}: a claim, 50 waiting ÷ bare SQL in a loop`, ...nextToBareSql(ours, bare, CLAIMS, 'claims') }
}

async function events(on: string, running: BenchServer, database: BareDatabase): Promise<Row> {
  const writers = await holders(running, WRITERS)
  const [ours, bare] = await turns(
    () =>
      timed(() =>
        Promise.all(
          writers.map(async writer => {
            for (let n = 0; n < BATCHES / WRITERS; n++) await sendEvents(running, writer, BATCH, TEXT)
          }),
        ),
      ),
    turn => timed(() => bareEvents(database, `run_old${turn}`, BATCHES, BATCH, TEXT)),
  )
  return { what: `${on}: an event, sent by ${BATCH} ÷ bare SQL in a loop`, ...nextToBareSql(ours, bare, BATCHES * BATCH, 'events') }
}

/** The way to 200 subscribers, and what the server then weighs. */
async function live(on: string, running: BenchServer): Promise<Row[]> {
  const [holder] = await holders(running, 1)
  const times = await toSubscribers(running, holder!)
  const at = (share: number) => times[Math.ceil(times.length * share) - 1]!
  const what = `${on}: an event to ${SUBSCRIBERS} subscribers`
  return [
    { what: `${what}, p50`, value: at(0.5), unit: ' ms', aim: 50, limit: 250 },
    { what: `${what}, p99`, value: at(0.99), unit: ' ms', aim: 250, limit: 1_000 },
    ...(hasProc
      ? [{ what: `${on}: private memory with them`, value: privateMemory(running.pid), unit: ' MB', aim: 150, limit: 250 } satisfies Row]
      : []),
  ]
}

/** Both by turns, so that what else happens on the machine meets both alike; the sums of all but the first. */
async function turns(ours: () => Promise<number>, bare: (turn: number) => Promise<number>): Promise<[number, number]> {
  const sums: [number, number] = [0, 0]
  for (let turn = 0; turn <= TURNS; turn++) {
    const times = [await ours(), await bare(turn)] as const
    if (turn > 0) for (const i of [0, 1] as const) sums[i] += times[i]
  }
  return sums
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}

/** Our time for one thing ÷ that of bare SQL. Twice as long is half as many in a second. */
function nextToBareSql(ours: number, bare: number, each: number, things: keyof typeof BARE) {
  const perSecond = (ms: number) => (1000 * each * TURNS) / ms
  const [we, they] = [perSecond(ours), perSecond(bare)]
  const detail = `${count(Math.round(we))} ${things}/s, ${Math.round((100 * we) / they)} % of the ${count(Math.round(they))}/s of bare SQL:\n  ${BARE[things]}`
  return { value: they / we, unit: '' as const, aim: 2, limit: 6, detail }
}

const count = (value: number) => value.toLocaleString('en')
