import type { Networks } from './networks.js'
import { canonicalAddress, parseAddress } from './address.js'

/** What a request's `X-Forwarded-For` comes to. */
export interface ForwardedChain {
  /** The nearest address that is no trusted proxy's: the client. */
  readonly client: string
  /** The client and the proxies behind it, the peer last: what a service may believe. */
  readonly believed: string
}

const mostHops = 32

/**
 * Reads `X-Forwarded-For` from the right: each trusted hop is believed what it says of the one before it, and of nothing further. What stands
 * left of the first that is not trusted anybody may have written, so it is dropped. What is no address ends the chain at the hop that said it.
 */
export function readForwardedFor(peer: string, header: string | null, trusted: Networks): ForwardedChain {
  const chain = [peer]
  let client = peer
  if (header !== null && trusted.has(peer)) {
    const hops = header.split(',')
    for (let index = hops.length - 1; index >= 0 && chain.length < mostHops; index--) {
      const address = addressOf((hops[index] as string).trim())
      if (address === null) break
      chain.unshift(address)
      client = address
      if (!trusted.has(address)) break
    }
  }
  return { client, believed: chain.join(', ') }
}

/** Some proxies write ports, and brackets around IPv6 (as `Forwarded` does, RFC 7239 section 6). */
function addressOf(text: string): string | null {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1]
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text)?.[1]
  const parsed = parseAddress(bracketed ?? withPort ?? text)
  return parsed === null ? null : canonicalAddress(parsed)
}
