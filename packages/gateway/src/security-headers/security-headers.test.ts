import type { GatewayConfig, RouteSpec, SecurityHeaders as Spec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { addedLines, verdictOf } from '../policy/policy-request.suite.js'
import { SecurityHeaders } from './security-headers.js'

const spec: Spec = {
  hsts: { maxAgeSeconds: 31_536_000, includeSubdomains: true },
  nosniff: true,
  frames: 'self',
  referrerPolicy: 'no-referrer',
  contentSecurityPolicy: "default-src 'self'",
  permissionsPolicy: 'camera=()',
  openerPolicy: 'same-origin',
}

function policyOf(ofGateway: Spec | undefined, route: Partial<RouteSpec>) {
  const kind = new SecurityHeaders()
  kind.configure((ofGateway === undefined ? {} : { securityHeaders: ofGateway }) as GatewayConfig)
  return kind.of(route as RouteSpec)[0]
}

describe('security headers', () => {
  it('are all there over TLS', () => {
    expect(addedLines(verdictOf(policyOf(undefined, { securityHeaders: spec }), { isSecure: true }))).toEqual([
      'Strict-Transport-Security: max-age=31536000; includeSubDomains',
      'X-Content-Type-Options: nosniff',
      "Content-Security-Policy: frame-ancestors 'self'",
      'X-Frame-Options: SAMEORIGIN',
      "Content-Security-Policy: default-src 'self'",
      'Referrer-Policy: no-referrer',
      'Permissions-Policy: camera=()',
      'Cross-Origin-Opener-Policy: same-origin',
    ])
  })

  it('promise no TLS where there is none', () => {
    const lines = addedLines(verdictOf(policyOf(undefined, { securityHeaders: spec })))
    expect(lines.join()).not.toContain('Strict-Transport-Security')
    expect(lines).toContain('X-Content-Type-Options: nosniff')
  })

  it("take the gateway's where the route says nothing, and none where it says false", () => {
    expect(addedLines(verdictOf(policyOf({ ...spec, frames: 'none' }, {})))).toContain('X-Frame-Options: DENY')
    expect(policyOf(spec, { securityHeaders: null })).toBeUndefined()
    expect(policyOf(undefined, {})).toBeUndefined()
  })

  it("replace the service's own, but for its Content-Security-Policy, which holds too", () => {
    const edit = verdictOf(policyOf(spec, {}))?.response
    const drops = (name: string) => edit?.drops(Buffer.from(name), 0, name.length)
    expect(drops('X-Frame-Options')).toBe(true)
    expect(drops('X-Powered-By')).toBe(true)
    expect(drops('Content-Security-Policy')).toBe(false)
  })
})
