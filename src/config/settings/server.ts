import { like, type Setting, text, type Z } from '../setting.ts'

const PORT = 'expected a port from 0 to 65535'
const ORIGIN = 'expected web origins such as https://console.example.com'
const NAME = 'expected host names without port'
const RATE = 'expected a whole number of requests from 1 to 1000000'
const PUBLIC = 'expected an http or https address without a path, such as https://runner.example.com'
const PROXY = 'expected addresses or networks, such as 10.0.0.1 or 10.0.0.0/8, or the word loopback'
const MIB = 'expected a number of MiB from 1 to 1000000000'
const DAYS = 'expected a number of days from 1 to 36500'

const isOrigin = (value: string) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).origin === value

function isNetwork(value: string): boolean {
  if (value === 'loopback') return true
  // Load it only when there is a value to check, so that a start does not pay for it.
  const { isIP } = process.getBuiltinModule('node:net')
  const [address = '', bits, ...more] = value.split('/')
  const most = isIP(address) === 6 ? 128 : 32
  return isIP(address) !== 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most))
}

/** The control plane's server. */
export const SERVER = {
  port: {
    kind: 'number',
    unit: null,
    schema: (z: Z) => z.number({ error: PORT }).int({ error: PORT }).min(0, { error: PORT }).max(65_535, { error: PORT }),
    flag: '--port <number>',
    env: ['HEADLESS_PM_PORT'],
    default: 8000,
    trust: 'trusted',
    says: 'The port that the server listens on; 0 takes a free one.',
  },
  host: {
    ...like(/^[A-Za-z0-9._:-]{1,253}$/, 'expected an address or a host name'),
    flag: '--host <address>',
    env: ['HEADLESS_PM_HOST'],
    default: '127.0.0.1',
    trust: 'trusted',
    says: 'The address that the server listens on; for any but a loopback address, keys for others must have been made.',
  },
  database: {
    ...text,
    flag: '--database <url>',
    env: ['HEADLESS_PM_DATABASE'],
    default: null,
    trust: 'trusted',
    says: 'The database of the control plane: postgres://…, sqlite:///… or a SQLite file; without it, agent-runner.db in the state folder.',
  },
  corsOrigins: {
    kind: 'list',
    unit: null,
    schema: (z: Z) => z.array(z.string({ error: ORIGIN }).refine(isOrigin, { error: ORIGIN }), { error: ORIGIN }),
    flag: '--cors-origins <origins>',
    env: ['HEADLESS_PM_CORS_ORIGINS'],
    sharedEnv: ['CORS_ORIGINS'],
    default: [],
    trust: 'trusted',
    says: 'Web origins whose pages may use the server from a browser; none by default.',
  },
  allowedHosts: {
    kind: 'list',
    unit: null,
    schema: (z: Z) => z.array(z.string({ error: NAME }).regex(/^[A-Za-z0-9._-]{1,253}$/, { error: NAME }), { error: NAME }),
    flag: '--allowed-hosts <names>',
    env: ['HEADLESS_PM_ALLOWED_HOSTS'],
    default: [],
    trust: 'trusted',
    says: "Names by which the server is called besides localhost, addresses and the machine's own.",
  },
  publicUrl: {
    kind: 'text',
    unit: null,
    schema: (z: Z) => z.string({ error: PUBLIC }).refine(isOrigin, { error: PUBLIC }),
    trust: 'trusted',
    flag: '--public-url <url>',
    env: ['HEADLESS_PM_PUBLIC_URL'],
    default: null,
    says: 'Where people reach the server, when a proxy with TLS stands before it: pages of this address may use it, and links lead there.',
  },
  trustProxy: {
    kind: 'list',
    unit: null,
    schema: (z: Z) => z.array(z.string({ error: PROXY }).refine(isNetwork, { error: PROXY }), { error: PROXY }),
    trust: 'trusted',
    flag: '--trust-proxy <addresses>',
    env: ['HEADLESS_PM_TRUST_PROXY'],
    default: [],
    says: 'Proxies that are believed when they say for whom they speak (X-Forwarded-For, -Proto and -Host, or Forwarded): addresses, networks such as 10.0.0.0/8, or loopback.',
  },
  rateLimit: {
    kind: 'number',
    unit: 'requests per minute',
    schema: (z: Z) => z.number({ error: RATE }).int({ error: RATE }).min(1, { error: RATE }).max(1_000_000, { error: RATE }),
    flag: '--rate-limit <requests>',
    env: ['HEADLESS_PM_RATE_LIMIT'],
    default: 6000,
    trust: 'trusted',
    says: "How many requests one key, or one address without a good key, may make; the owner's own programs are not counted.",
  },
  storageQuota: {
    kind: 'number',
    unit: 'MiB',
    schema: (z: Z) => z.number({ error: MIB }).min(1, { error: MIB }).max(1_000_000_000, { error: MIB }),
    flag: '--storage-quota <mebibytes>',
    env: ['HEADLESS_PM_STORAGE_QUOTA'],
    default: 10_240,
    trust: 'trusted',
    says: 'How much each customer may have stored: runs, tasks, timelines, files. What belongs to no customer is not limited.',
  },
  keepEvents: {
    kind: 'number',
    unit: 'days',
    schema: (z: Z) => z.number({ error: DAYS }).min(1, { error: DAYS }).max(36_500, { error: DAYS }),
    flag: '--keep-events <days>',
    env: ['HEADLESS_PM_KEEP_EVENTS'],
    default: 90,
    trust: 'trusted',
    says: 'How long the timelines and files of ended runs are kept.',
  },
  keepLogs: {
    kind: 'number',
    unit: 'days',
    schema: (z: Z) => z.number({ error: DAYS }).min(1, { error: DAYS }).max(36_500, { error: DAYS }),
    flag: '--keep-logs <days>',
    env: ['HEADLESS_PM_KEEP_LOGS'],
    default: 30,
    trust: 'trusted',
    says: 'How long of those timelines the lines are kept that only tell of the work: log, thoughts, single tools.',
  },
} as const satisfies Record<string, Setting>
