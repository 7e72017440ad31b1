import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { Refusal } from './problem.ts'

/** Where a request comes from, as far as it can be believed. */
export interface Arrival {
  /** The client's own address; behind trusted proxies, the one that they report. */
  address: string
  scheme: string
  /** The names by which the server was called: by who connected, and by the client of a proxy. */
  hosts: (string | undefined)[]
}

const LOOPBACK = ['127.0.0.0/8', '::1/128']

/** Whether an address is one of these: addresses, networks (`10.0.0.0/8`), or the word `loopback`. */
export function addressesOf(words: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const word of words.flatMap(one => (one === 'loopback' ? LOOPBACK : [one]))) {
    const [address = '', bits] = word.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return address => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/**
 * How requests have arrived. Only a trusted proxy may say that it speaks for another client: `X-Forwarded-For`, `-Proto` and `-Host`, or
 * `Forwarded`. Each proxy adds its part at the end, so they are read from there. Where a proxy writes one of the two headers, a client
 * can send the other: if both are there, they must say the same. Throws a Refusal when they do not.
 */
export function arrivals(trustProxy: readonly string[]): (request: IncomingMessage) => Arrival {
  const isTrusted = addressesOf(trustProxy)
  return ({ headers, socket }) => {
    const peer = plainAddress(socket.remoteAddress ?? '')
    if (!isTrusted(peer)) return { address: peer, scheme: 'http', hosts: [headers.host] }
    const old = {
      for: partsOf(headers['x-forwarded-for']).map(addressIn),
      proto: partsOf(headers['x-forwarded-proto']).at(-1),
      host: partsOf(headers['x-forwarded-host']).at(-1),
    }
    const hops = partsOf(headers.forwarded).map(pairsOf)
    const standard = { for: hops.map(hop => addressIn(hop.for ?? '')), proto: hops.at(-1)?.proto, host: hops.at(-1)?.host }
    if (old.for.length > 0 && standard.for.length > 0 && old.for.at(-1) !== standard.for.at(-1))
      throw new Refusal(400, 'Forwarded and X-Forwarded-For tell different clients')
    const told = old.for.length > 0 ? old.for : standard.for
    const chain = [...told, peer]
    // Go from the nearest backwards, as long as the speaker is trusted and it is an address.
    let at = chain.length - 1
    while (at > 0 && isTrusted(chain[at]!) && isIP(chain[at - 1]!) !== 0) at--
    const host = old.host ?? standard.host
    return {
      address: chain[at]!,
      scheme: (old.proto ?? standard.proto ?? 'http').toLowerCase(),
      hosts: [headers.host, ...(host === undefined ? [] : [host])],
    }
  }
}

/** An IPv4 address in the form of IPv6 is the same address. */
const plainAddress = (address: string) => address.replace(/^::ffff:(?=\d+\.)/i, '')

/** The elements of a list header, which may have commas within quotes. */
const partsOf = (header: string | string[] | undefined) =>
  (
    [header ?? []]
      .flat()
      .join(',')
      .match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []
  )
    .map(part => part.trim())
    .filter(part => part !== '')

const pairsOf = (hop: string): Record<string, string> =>
  Object.fromEntries(
    hop.split(';').map(pair => {
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')]
    }),
  )

/** The address in `192.0.2.1:80`, `"[2001:db8::1]:80"` and the like; what is none stays as it is. */
function addressIn(text: string): string {
  const plain = text.replace(/^"(.*)"$/, '$1')
  const [, bracketed, dotted] = /^\[([^\]]+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/.exec(plain) ?? []
  return plainAddress(bracketed ?? dotted ?? plain)
}

/**
 * The name under which clients without a key are counted: whoever has one IPv6 address also has all that differ from it in the second
 * half.
 */
export function countedAs(address: string): string {
  if (isIP(address) !== 6) return address
  const [left = '', right = ''] = address.split('::', 2)
  const [before, after] = [left, right].map(half => half.split(':').filter(group => group !== '')) as [string[], string[]]
  const groups = address.includes('::') ? [...before, ...Array(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after] : before
  return groups
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')
}
