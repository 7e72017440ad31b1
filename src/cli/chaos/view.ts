import { type Finding, PROMISES, type PromiseName } from './promises.ts'
import { quantile, type Tally } from './tally.ts'

/** The result of a chaos run. */
export interface Outcome {
  seed: number
  seconds: number
  tally: Tally
  /** The promises that did not hold, with the number of the round. */
  findings: (Finding & { round: string })[]
  /** The folder to look at; null when everything held and the folder was removed. */
  kept: string | null
  /** The run was ended before its time. */
  cutShort: boolean
  /** Further measurements. */
  more?: [what: string, value: string][]
}

/** The table and the measures as Markdown, which reads well at a terminal too. */
export function outcomeText({ seed, seconds, tally, findings, kept, cutShort, more = [] }: Outcome): string {
  const names = Object.keys(PROMISES) as PromiseName[]
  const rows = names.map((name, n) => [`${n + 1}. ${PROMISES[name]}`, String(tally.held[name].checked), String(tally.held[name].failed)])
  const figures = [...measures(tally), ...more]
  return [
    ...table([['what must hold', 'checked', 'failed'], ...rows]),
    '',
    ...table([['measured', ''], ['seed', String(seed)], ['duration', `${Math.round(seconds)} s`], ...figures]),
    '',
    ...findings.map(({ round, promise, says }) => `${round}, ${names.indexOf(promise) + 1}: ${says}`),
    ...(cutShort ? ['Ended before its time.'] : []),
    ...(kept ? [`The repository, state folder and logs are kept in ${kept}`] : []),
    findings.length === 0 ? 'Everything held.' : `${findings.length} findings. The same seed gives the same plan: --seed ${seed}`,
    '',
  ].join('\n')
}

/** The same as one JSON document. */
export function outcomeDocument(outcome: Outcome) {
  const { recoveries, held, ...counts } = outcome.tally
  return {
    ...outcome,
    tally: undefined,
    ok: outcome.findings.length === 0 && !outcome.cutShort,
    ...counts,
    promises: Object.entries(held).map(([name, counted]) => ({ name, says: PROMISES[name as PromiseName], ...counted })),
    recoveryMs: { count: recoveries.length, p50: quantile(recoveries, 0.5), p99: quantile(recoveries, 0.99) },
  }
}

function measures(tally: Tally): [string, string][] {
  const { recoveries, many } = tally
  const ms = (share: number) => `${quantile(recoveries, share) ?? '–'} ms`
  return [
    ['cases', String(tally.cases)],
    ['faults that hit', `${tally.strikes} (${tally.missed} found the work over)`],
    ['recoveries', String(recoveries.length)],
    ['recovery time, p50', ms(0.5)],
    ['recovery time, p99', ms(0.99)],
    ['requests made again while the supervisor lived', String(tally.askedAgain)],
    ['bytes of work lost', String(tally.bytesLost)],
    ...(many
      ? ([
          [`recovery of ${many.runs} unfinished runs, all runners' work`, `${many.workMs} ms`],
          [`the same with the programs' starts and all that is left to do, ${many.atOnce} at a time`, `${many.wallMs} ms`],
        ] satisfies [string, string][])
      : []),
  ]
}

function table(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map(row => row[column]!.length)))
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  const [head = [], ...rest] = rows
  return [line(head), `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`, ...rest.map(line)]
}
