/** What a limit counts. */
type LimitUnit = 'bytes' | 'characters' | 'levels' | 'values' | 'entries' | 'numbers' | 'US dollars'

/** One row of the table. */
interface Limit {
  /** What is limited, for people. */
  of: string
  most: number
  unit: LimitUnit
  /** What happens to anything beyond the limit. */
  beyond: string
}

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/**
 * The limits of everything that comes from outside or is stored. Sender and receiver, the document of the API and the README read this
 * one table. The limits are chosen so that nothing that a client sends or has stored blocks the event loop of a server for 50 ms.
 */
export const LIMITS = {
  body: { of: 'the body of a request', most: MIB, unit: 'bytes', beyond: 'refused with 413' },
  jsonDepth: {
    of: 'objects and lists within each other, in any JSON or YAML from outside',
    most: 64,
    unit: 'levels',
    beyond: 'refused with 400 before it is parsed; from elsewhere: as if it was no JSON',
  },
  jsonValues: {
    of: 'values and names in the body of a request',
    most: 20_000,
    unit: 'values',
    beyond: 'refused with 400 before it is parsed',
  },
  text: { of: 'a goal, a description, a directive, a note', most: 200_000, unit: 'characters', beyond: 'refused with 422' },
  carried: {
    of: 'the options, and the metadata, of a run, as JSON',
    most: 256 * KIB,
    unit: 'bytes',
    beyond: 'refused with 422; what they hold counts among the values of the body too',
  },
  notes: {
    of: 'all notes on one task',
    most: 200_000,
    unit: 'characters',
    beyond: 'the oldest are cut off, with a mark; the history has each',
  },
  pageEntries: { of: 'one page of a list', most: 500, unit: 'entries', beyond: 'on the next page' },
  pageEvents: { of: 'one page of events', most: 1_000, unit: 'entries', beyond: 'on the next page' },
  pageBytes: {
    of: 'one page of anything, in what it holds',
    most: MIB,
    unit: 'bytes',
    beyond: 'on the next page, which may come before `limit` is reached; one entry is always there',
  },
  pageWalk: {
    of: 'what one page looks through for entries that fit',
    most: 5_000,
    unit: 'entries',
    beyond: 'on the next page; this one may be short, or empty',
  },
  searchBytes: {
    of: 'what one page of a search for a text looks through',
    most: 2 * MIB,
    unit: 'bytes',
    beyond: 'on the next page; this one may be short, or empty',
  },
  event: {
    of: 'one event of a timeline',
    most: 64 * KIB,
    unit: 'bytes',
    beyond: 'its texts and lists are cut, and `cut` says how large it was',
  },
  eventBatch: {
    of: 'events that are sent at once',
    most: 500,
    unit: 'entries',
    beyond: 'refused with 422; what they hold counts among the values of the body too; our runner sends the rest in the next batch',
  },
  eventBatchBytes: { of: 'events that our runner sends at once', most: 256 * KIB, unit: 'bytes', beyond: 'in the next batch' },
  listedFiles: {
    of: 'the files of a run that an event, a note and the journal list',
    most: 200,
    unit: 'entries',
    beyond: 'counted: `and 44,800 more`',
  },
  artifact: { of: 'one file of a run', most: 4 * MIB, unit: 'bytes', beyond: 'refused with 413; our runner cuts it' },
  artifacts: { of: 'the files of one run', most: 200, unit: 'entries', beyond: 'refused with 422' },
  wishes: {
    of: 'directives of one run that wait for its runner',
    most: 50,
    unit: 'entries',
    beyond: 'refused with 409',
  },
  mentions: { of: 'agents that one note speaks to', most: 100, unit: 'entries', beyond: 'not told of it' },
  storage: {
    of: 'all that one customer has stored (the operator sets it: `storageQuota`)',
    most: 10 * GIB,
    unit: 'bytes',
    beyond:
      'new runs, tasks, notes, directives and files are refused with 409; of a timeline only what changes the run is kept; runs end as ever; what retention and removed projects free can be used again',
  },
  noteWhenFull: {
    of: 'the note at the end of a run whose customer has used up its storage',
    most: 2_000,
    unit: 'characters',
    beyond: 'cut',
  },
  word: {
    of: 'what a runner tells as an id, a branch, a model',
    most: 1_000,
    unit: 'characters',
    beyond: 'a line of the timeline, and no fact about the run',
  },
  seq: { of: "`seq`: a runner's own number of an event", most: 1_000_000_000, unit: 'numbers', beyond: 'refused with 422' },
  attempt: {
    of: 'the number of an attempt',
    most: 1_000_000,
    unit: 'numbers',
    beyond: 'a line of the timeline, and no fact about the run',
  },
  tokens: {
    of: 'tokens of one attempt, of each kind',
    most: 1_000_000_000_000,
    unit: 'numbers',
    beyond: 'a line of the timeline, and no fact about the run',
  },
  cost: { of: 'what one run costs', most: 1_000_000, unit: 'US dollars', beyond: 'a line of the timeline, and no fact about the run' },
  answer: {
    of: 'an answer of a PM server or a control plane',
    most: 16 * MIB,
    unit: 'bytes',
    beyond: 'reading ends there; the answer counts as not understood',
  },
  agentLine: { of: "one line of an agent's output", most: 8 * MIB, unit: 'bytes', beyond: 'cut, and passed over' },
  settingsFile: {
    of: '`agent-runner.yaml`, `.env`, `config.json`',
    most: 64 * KIB,
    unit: 'bytes',
    beyond: 'a mistake in the configuration: it is not read; `.env`: a warning, and no setting is taken from it',
  },
  roleInstructions: {
    of: "the file with a role's instructions",
    most: 256 * KIB,
    unit: 'bytes',
    beyond: 'a mistake in the configuration: it is not read',
  },
  stateFile: {
    of: 'a lock file, or another JSON file of the state folder',
    most: 32 * MIB,
    unit: 'bytes',
    beyond: 'as if it was damaged: set aside, or passed over',
  },
} as const satisfies Record<string, Limit>

type LimitName = keyof typeof LIMITS

/** A size for people: `64 KiB`, `1 MiB`, `200,000`. */
function sizeWords(most: number, unit: LimitUnit): string {
  if (unit === 'US dollars') return `$${most.toLocaleString('en')}`
  if (unit === 'numbers') return most.toLocaleString('en')
  if (unit !== 'bytes') return `${most.toLocaleString('en')} ${unit}`
  if (most % GIB === 0) return `${most / GIB} GiB`
  return most % MIB === 0 ? `${most / MIB} MiB` : most % KIB === 0 ? `${most / KIB} KiB` : `${most.toLocaleString('en')} bytes`
}

/** A row's value with its unit. */
export const limitWords = (name: LimitName) => sizeWords(LIMITS[name].most, LIMITS[name].unit)

/** The table as Markdown. */
export function limitsTable(): string {
  const rows = (Object.keys(LIMITS) as LimitName[]).map(name => `| ${LIMITS[name].of} | ${limitWords(name)} | ${LIMITS[name].beyond} |`)
  return ['| what | at most | what is more |', '|---|---|---|', ...rows].join('\n')
}
