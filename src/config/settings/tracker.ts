import { choice, type Setting, seconds, text, type Z } from '../setting.ts'

const URL_EXPECTED = 'expected an http or https URL without user name and password'

function plainHttp(value: string): boolean {
  if (!URL.canParse(value)) return false
  const url = new URL(value)
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}

/** Where tasks come from. */
export const TRACKER = {
  tracker: {
    ...choice('auto', 'headless-pm', 'embedded'),
    flag: '--tracker <name>',
    env: ['HEADLESS_PM_TRACKER'],
    default: 'auto',
    says: 'Where tasks come from; auto means headless-pm as soon as a URL or key for it is configured, else the embedded board.',
  },
  apiUrl: {
    kind: 'text',
    unit: null,
    schema: (z: Z) => z.string({ error: URL_EXPECTED }).trim().refine(plainHttp, { error: URL_EXPECTED }),
    flag: '--api-url <url>',
    env: ['HEADLESS_PM_API_URL'],
    default: 'http://localhost:6969',
    says: 'The address of the Headless PM server.',
  },
  apiKey: {
    ...text,
    flag: null,
    env: ['HEADLESS_PM_API_KEY', 'API_KEY_HEADLESS_PM', 'API_KEY'],
    default: null,
    secret: true,
    says: 'The key of the Headless PM server; it has no flag, because other users of a machine can read command lines.',
  },
  apiTimeout: {
    ...seconds,
    flag: '--api-timeout <seconds>',
    env: ['HEADLESS_PM_API_TIMEOUT'],
    default: 30,
    says: 'How long one request to the Headless PM server may take.',
  },
} as const satisfies Record<string, Setting>
