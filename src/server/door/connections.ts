import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'

/** How many connections of one address may be open on which no good key has come yet. */
const MOST_UNKNOWN = 100
/** A younger connection gets the time to say what it wants. */
const AGE_MS = 1_000
/** How long an answer that ends a connection has to arrive. */
const LINGER_MS = 500

/**
 * Keeps connections from piling up. Connections that a stranger opens and does not use give way to later ones, so that one address alone
 * cannot take all connections of the server. Many strangers come from an address that `isExempt`, such as a proxy's.
 */
export class Connections {
  readonly #unknown = new Map<string, Map<Socket, number>>()
  readonly #isExempt: (address: string) => boolean
  readonly #most: number

  constructor(isExempt: (address: string) => boolean, most = MOST_UNKNOWN) {
    this.#isExempt = isExempt
    this.#most = most
  }

  watch(server: Server): void {
    server.on('connection', socket => this.#opened(socket))
    // This is a request for a tunnel: nobody gets one.
    server.on('connect', (_request, socket: Socket) =>
      lastWords(socket, 'HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'),
    )
  }

  /** A good key has come along. */
  known(socket: Socket): void {
    this.#drop(socket)
  }

  #opened(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    if (this.#isExempt(address)) return
    const open = this.#unknown.get(address) ?? new Map<Socket, number>()
    this.#unknown.set(address, open)
    open.set(socket, performance.now())
    socket.once('close', () => this.#drop(socket, address))
    const [oldest, since] = open.entries().next().value!
    if (open.size > this.#most && performance.now() - since > AGE_MS) {
      this.#drop(oldest, address)
      oldest.destroy()
    }
  }

  #drop(socket: Socket, address = socket.remoteAddress ?? ''): void {
    const open = this.#unknown.get(address)
    open?.delete(socket)
    if (open?.size === 0) this.#unknown.delete(address)
  }
}

/** Sends the last answer on a connection, and closes it soon, even if the other side neither reads nor closes. */
export function lastWords(socket: Socket, text: string): void {
  socket.end(text)
  closeSoon(socket)
}

/** Closes a connection on which more was still to come, once the answer had the time to arrive. */
export function closeUnread({ complete, socket }: IncomingMessage): void {
  if (!complete) closeSoon(socket)
}

function closeSoon(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}
