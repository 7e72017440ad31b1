import { choice, path, type Setting, seconds, text, type Z } from '../setting.ts'

const URL_EXPECTED = 'expected an http or https URL without user name and password'

function plainHttp(value: string): boolean {
  if (!URL.canParse(value)) return false
  const url = new URL(value)
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}

/** Where tasks come from. */
export const TRACKER = {
  tracker: {
    ...choice('auto', 'headless-pm', 'control-plane', 'embedded'),
    flag: '--tracker <name>',
    env: ['HEADLESS_PM_TRACKER'],
    default: 'auto',
    trust: { free: ['embedded'] },
    says: 'Where tasks come from; auto means control-plane or headless-pm as soon as a server for it is configured, else the embedded board.',
  },
  apiUrl: {
    kind: 'text',
    unit: null,
    schema: (z: Z) => z.string({ error: URL_EXPECTED }).trim().refine(plainHttp, { error: URL_EXPECTED }),
    flag: '--api-url <url>',
    env: ['HEADLESS_PM_API_URL'],
    default: 'http://localhost:6969',
    trust: 'trusted',
    says: 'The address of the Headless PM server.',
  },
  apiKey: {
    ...text,
    flag: null,
    env: ['HEADLESS_PM_API_KEY', 'API_KEY_HEADLESS_PM'],
    sharedEnv: ['API_KEY'],
    default: null,
    trust: 'trusted',
    secret: true,
    says: "The key of the Headless PM server; it has no flag, because other users of a machine can read command lines. An API_KEY in the .env of a repository is its application's.",
  },
  apiTimeout: {
    ...seconds,
    flag: '--api-timeout <seconds>',
    env: ['HEADLESS_PM_API_TIMEOUT'],
    default: 30,
    trust: 'free',
    says: 'How long one request to a server may take.',
  },
  server: {
    kind: 'text',
    unit: null,
    schema: (z: Z) => z.string({ error: URL_EXPECTED }).trim().refine(plainHttp, { error: URL_EXPECTED }),
    flag: '--server <url>',
    env: ['HEADLESS_PM_SERVER'],
    default: null,
    trust: 'trusted',
    says: 'The address of a control plane (agent-runner server) that gives tasks to this machine, such as http://build.example:8000.',
  },
  serverKey: {
    ...text,
    flag: '--key <key>',
    env: ['HEADLESS_PM_SERVER_KEY'],
    default: null,
    trust: 'trusted',
    secret: true,
    says: 'The worker key for that control plane; other users of a machine can read command lines, so --key-file or the environment is safer.',
  },
  serverKeyFile: {
    ...path,
    flag: '--key-file <file>',
    env: ['HEADLESS_PM_SERVER_KEY_FILE'],
    default: null,
    trust: 'trusted',
    says: 'A file that holds that key and nothing else.',
  },
  project: {
    ...text,
    flag: '--project <name>',
    env: ['HEADLESS_PM_PROJECT'],
    default: null,
    trust: 'trusted',
    says: "The control plane's project to work for, by its name or its path there; without it, the project of the repository's path.",
  },
} as const satisfies Record<string, Setting>
