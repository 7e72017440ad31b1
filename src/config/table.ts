import { limitsTable } from '../core/limits.ts'
import { flagName, type Key, setting, TOPICS } from './schema.ts'
import { envNames, type TrustLevel } from './setting.ts'

/** The settings as Markdown tables, one per topic, for README.md. */
export function settingsTable(): string {
  const tables = TOPICS.map(({ title, keys }) =>
    [
      `**${title}**`,
      '',
      '| setting | flag | environment | default | from a repository | |',
      '|---|---|---|---|---|---|',
      ...keys.map(line),
    ].join('\n'),
  )
  return `${tables.join('\n\n')}\n`
}

function line(key: Key): string {
  const row = setting(key)
  const flag = row.flag === null ? '–' : code(flagName(key) ?? '')
  const choices = row.choices ? ` One of ${row.choices.map(code).join(', ')}.` : ''
  const notInFiles = row.trust === 'never' ? ' Not in files.' : ''
  return `| ${code(key)} | ${flag} | ${envNames(row).map(code).join(', ')} | ${sayDefault(key)} | ${sayTrust(row.trust)} | ${escaped(row.says)}${choices}${notInFiles} |`
}

/** A setting's default with its unit, for people. */
function sayDefault(key: Key): string {
  const { default: value, unit } = setting(key)
  if (value === null || (typeof value === 'object' && Object.keys(value as object).length === 0)) return '–'
  return code(String(value)) + (unit ? ` ${unit}` : '')
}

/** What a repository's files may say of a setting, for people. */
function sayTrust(trust: TrustLevel): string {
  if (trust === 'inside') return 'inside it; else trusted'
  if (trust === 'no-more') return 'no more than yours; else trusted'
  return typeof trust === 'string' ? trust : `${trust.free.map(code).join(', ')}; else trusted`
}

const code = (text: string) => `\`${escaped(text)}\``
const escaped = (text: string) => text.replace(/\|/g, '\\|')

/** The tables that a page shows between `<!-- name -->` and `<!-- /name -->`. */
const TABLES: Record<string, () => string> = { settings: settingsTable, limits: () => `${limitsTable()}\n` }

/** A page with each table between its two markers replaced by the present one. Throws when the markers are missing. */
export function withTables(page: string, names: readonly string[] = Object.keys(TABLES)): string {
  return names.reduce((text, name) => {
    const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
    const [from, to] = [text.indexOf(start), text.indexOf(end)]
    if (from === -1 || to < from) throw new Error(`the page lacks ${start} and ${end}`)
    return `${text.slice(0, from + start.length)}\n${TABLES[name]!()}${text.slice(to)}`
  }, page)
}
