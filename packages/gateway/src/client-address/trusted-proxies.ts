import type { GatewayConfig } from '@pando/model'
import type { PolicyKind } from '../policy/policy-kind.js'
import type { PolicyRequest, RoutePolicy, Verdict } from '../policy/route-policy.js'
import { Recent } from '../recent.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { readForwardedFor } from './forwarded-for.js'
import { Networks } from './networks.js'

/**
 * `gateway.trusted_proxies`: behind a load balancer the peer is the balancer. From one that is trusted, `X-Forwarded-For`, `X-Forwarded-Proto`
 * and `X-Forwarded-Port` are believed; from anybody else they are replaced, as ever. Mesh listeners believe their callers anyway.
 */
export class TrustedProxies implements PolicyKind {
  #policies: readonly RoutePolicy[] = []

  configure({ trustedProxies = [] }: GatewayConfig): void {
    this.#policies = trustedProxies.length === 0 ? [] : [new TrustedProxiesPolicy(new Networks(trustedProxies))]
  }

  of(): readonly RoutePolicy[] {
    return this.#policies
  }

  close(): void {
    // Nothing is open.
  }
}

/** What a proxy's headers come to. */
interface Reading {
  readonly client: string
  readonly verdict: Verdict
}

/** A client's requests come one like the other, so what their headers came to is remembered, for about so many of them. */
const mostReadings = 4096
const longestKey = 256
/** Stands for a header that is absent; none can have it as its value. */
const absent = '\r'

class TrustedProxiesPolicy implements RoutePolicy {
  readonly name = 'trusted proxies'
  readonly phase = 'address'
  readonly #trusted: Networks
  readonly #readings = new Recent<Reading>(mostReadings)

  constructor(trusted: Networks) {
    this.#trusted = trusted
  }

  check(request: PolicyRequest): Verdict {
    const peer = request.clientAddress
    if (request.listener.isMesh || !this.#trusted.has(peer)) return null
    const forwardedFor = request.header('x-forwarded-for')
    const scheme = request.header('x-forwarded-proto')
    const port = request.header('x-forwarded-port')
    const key = `${peer}\n${forwardedFor ?? absent}\n${scheme ?? absent}\n${port ?? absent}`
    let reading = this.#readings.get(key)
    if (reading === undefined) {
      const { client, believed } = readForwardedFor(peer, forwardedFor, this.#trusted)
      reading = { client, verdict: { request: believedLines(believed, scheme, port) } }
      if (key.length <= longestKey) this.#readings.set(key, reading)
    }
    request.clientAddress = reading.client
    return reading.verdict
  }
}

/** The lines that services get in place of what the proxy sent. */
function believedLines(forwardedFor: string, scheme: string | null, port: string | null): CompiledEdit {
  const lines = [`X-Forwarded-For: ${forwardedFor}\r\n`]
  const dropped = ['x-forwarded-for']
  if (scheme === 'http' || scheme === 'https') {
    lines.push(`X-Forwarded-Proto: ${scheme}\r\n`)
    dropped.push('x-forwarded-proto')
    const itsPort = port ?? (scheme === 'https' ? '443' : '80')
    if (/^\d{1,5}$/.test(itsPort)) {
      lines.push(`X-Forwarded-Port: ${itsPort}\r\n`)
      dropped.push('x-forwarded-port')
    }
  }
  return new CompiledEdit(
    dropped.map((name) => Buffer.from(name)),
    Buffer.from(lines.join('')),
  )
}
