import type { GatewayConfig, RouteSpec, SecurityHeaders as Spec } from '@pando/model'
import type { PolicyKind, StrayEdit } from '../policy/policy-kind.js'
import type { PolicyRequest, RoutePolicy, Verdict } from '../policy/route-policy.js'
import { CompiledEdit } from '../route-table/header-edit.js'

/** `security_headers` of routes and of the gateway. */
export class SecurityHeaders implements PolicyKind {
  #ofGateway: Spec | null = null

  configure({ securityHeaders }: GatewayConfig): void {
    this.#ofGateway = securityHeaders ?? null
  }

  of({ securityHeaders = this.#ofGateway }: RouteSpec): readonly RoutePolicy[] {
    return securityHeaders === null ? [] : [new SecurityHeadersPolicy(securityHeaders)]
  }

  strayEdit(): StrayEdit {
    const spec = this.#ofGateway
    if (spec === null) return () => null
    const plain = editOf(linesOf(spec, false))
    const secure = editOf(linesOf(spec, true))
    return ({ isMesh, isSecure }) => (isMesh ? null : isSecure ? secure : plain)
  }

  close(): void {
    // Nothing is open.
  }
}

/** Adds the same lines to every answer of a route, ready since the table was compiled. */
class SecurityHeadersPolicy implements RoutePolicy {
  readonly name = 'security headers'
  /** First of all, so that refusals of the others have them too. */
  readonly phase = 'address'
  readonly #plain: Verdict
  readonly #secure: Verdict

  constructor(spec: Spec) {
    this.#plain = { response: editOf(linesOf(spec, false)) }
    this.#secure = { response: editOf(linesOf(spec, true)) }
  }

  check(request: PolicyRequest): Verdict {
    return request.listener.isSecure ? this.#secure : this.#plain
  }
}

/** The lines, by name. HSTS is for encrypted connections only: browsers ignore it elsewhere, and are right to (RFC 6797 section 8.1). */
export function linesOf(spec: Spec, isSecure: boolean): (readonly [string, string])[] {
  const lines: (readonly [string, string])[] = []
  const { hsts, frames } = spec
  if (hsts !== null && isSecure) {
    const value = `max-age=${hsts.maxAgeSeconds}${hsts.includeSubdomains ? '; includeSubDomains' : ''}`
    lines.push(['Strict-Transport-Security', value])
  }
  if (spec.nosniff) lines.push(['X-Content-Type-Options', 'nosniff'])
  if (frames !== null) {
    // Two lines of this field hold both, so the service's own policy is not replaced (CSP Level 3, section 4.1).
    lines.push(['Content-Security-Policy', `frame-ancestors '${frames}'`])
    lines.push(['X-Frame-Options', frames === 'none' ? 'DENY' : 'SAMEORIGIN'])
  }
  if (spec.contentSecurityPolicy !== null) lines.push(['Content-Security-Policy', spec.contentSecurityPolicy])
  if (spec.referrerPolicy !== null) lines.push(['Referrer-Policy', spec.referrerPolicy])
  if (spec.permissionsPolicy !== null) lines.push(['Permissions-Policy', spec.permissionsPolicy])
  if (spec.openerPolicy !== null) lines.push(['Cross-Origin-Opener-Policy', spec.openerPolicy])
  return lines
}

/** A service's own lines of the same names are replaced, but for its Content-Security-Policy; what it is made of is nobody's business. */
function editOf(lines: readonly (readonly [string, string])[]): CompiledEdit {
  const names = lines.map(([name]) => name.toLowerCase()).filter((name) => name !== 'content-security-policy')
  return new CompiledEdit(
    [...new Set([...names, 'x-powered-by'])].map((name) => Buffer.from(name)),
    Buffer.from(lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')),
  )
}
