import type { GatewayConfig } from '@pando/model'
import type { PolicyKind } from '../policy/policy-kind.js'
import type { PolicyRequest, RoutePolicy, Verdict } from '../policy/route-policy.js'
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

class TrustedProxiesPolicy implements RoutePolicy {
  readonly name = 'trusted proxies'
  readonly phase = 'address'
  readonly #trusted: Networks

  constructor(trusted: Networks) {
    this.#trusted = trusted
  }

  check(request: PolicyRequest): Verdict {
    const peer = request.clientAddress
    if (request.listener.isMesh || !this.#trusted.has(peer)) return null
    const { client, believed } = readForwardedFor(peer, request.header('x-forwarded-for'), this.#trusted)
    request.clientAddress = client
    const lines = [`X-Forwarded-For: ${believed}\r\n`]
    const dropped = ['x-forwarded-for']
    const scheme = request.header('x-forwarded-proto')
    if (scheme === 'http' || scheme === 'https') {
      lines.push(`X-Forwarded-Proto: ${scheme}\r\n`)
      dropped.push('x-forwarded-proto')
      const port = request.header('x-forwarded-port') ?? (scheme === 'https' ? '443' : '80')
      if (/^\d{1,5}$/.test(port)) {
        lines.push(`X-Forwarded-Port: ${port}\r\n`)
        dropped.push('x-forwarded-port')
      }
    }
    return {
      request: new CompiledEdit(
        dropped.map((name) => Buffer.from(name)),
        Buffer.from(lines.join('')),
      ),
    }
  }
}
