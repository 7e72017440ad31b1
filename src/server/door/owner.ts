import { createHash, randomBytes } from 'node:crypto'
import type { Caller } from './auth.ts'

/** How long a link for the browser can be used, and the session that it opens, in milliseconds. */
export const LINK_MS = 10 * 60_000
export const SESSION_MS = 12 * 3_600_000
/** More of them than anybody uses; the oldest give way. */
const MOST = 100

const BEGINNING = 'ar_owner_'

const newSecret = () => `${BEGINNING}${randomBytes(32).toString('base64url')}`
/** The hash is looked up, so the time that it takes tells nothing about the secret. */
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

/** Secrets that open something for a while. */
class Granted {
  readonly #until = new Map<string, number>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  add(ms: number): string {
    const secret = newSecret()
    if (this.#until.size >= MOST) this.#until.delete([...this.#until.keys()][0]!)
    this.#until.set(hashOf(secret), this.#now() + ms)
    return secret
  }

  has(hash: string): boolean {
    const until = this.#until.get(hash)
    if (until === undefined) return false
    if (this.#now() < until) return true
    this.#until.delete(hash)
    return false
  }

  /** Removes it, and returns whether it was there. */
  take(hash: string): boolean {
    return this.has(hash) && this.#until.delete(hash)
  }
}

/**
 * The owner: whoever started the server. The owner's key lives in this process alone, and as long as the process: a stolen key opens
 * nothing after its end. Links open a session once. A session is a key too, kept by the page and sent as a header: a cookie would go to
 * other ports of the same host, and along with requests of other pages.
 */
export class Owner {
  readonly key = newSecret()
  readonly #keyHash = hashOf(this.key)
  readonly #links: Granted
  readonly #sessions: Granted

  /** `now` counts milliseconds and is never set. */
  constructor(now: () => number = () => performance.now()) {
    this.#links = new Granted(now)
    this.#sessions = new Granted(now)
  }

  /** The owner, when this text is the owner's key or that of an open session. */
  callerOf(text: string): Caller | null {
    if (!text.startsWith(BEGINNING)) return null
    const hash = hashOf(text)
    if (hash === this.#keyHash) return { ...OWNER, keyId: OWNER_KEY }
    return this.#sessions.has(hash) ? { ...OWNER, keyId: `${SESSION}${hash}` } : null
  }

  /** Whether a key id that `callerOf` gave still opens something; null when it gave no such one. */
  isGood(keyId: string): boolean | null {
    if (keyId === OWNER_KEY) return true
    return keyId.startsWith(SESSION) ? this.#sessions.has(keyId.slice(SESSION.length)) : null
  }

  /** The code of a new link. */
  newLink(): string {
    return this.#links.add(LINK_MS)
  }

  /** The key of a new session for the code of a link, which is void from now on; null when it is unknown, used or too old. */
  openSession(code: string): string | null {
    return this.#links.take(hashOf(code)) ? this.#sessions.add(SESSION_MS) : null
  }
}

const OWNER: Omit<Caller, 'keyId'> = { kind: 'admin', customer: null, name: 'user' }
const OWNER_KEY = 'owner'
const SESSION = 'session '

/** Whether it is the owner who asks, by key or session. */
export const isOwner = ({ keyId }: Caller) => keyId !== null && (keyId === OWNER_KEY || keyId.startsWith(SESSION))
/** Whether it is the owner's own programs that ask. */
export const isOwnersProgram = ({ keyId }: Caller) => keyId === OWNER_KEY

/** The page to which a link leads. The part after # stays in the browser: it is sent to nobody and is in no log. */
export const linkTo = (url: string, code: string) => `${url}/docs#login=${code}`
