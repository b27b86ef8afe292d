import type { SecurityHeaders } from '@pando/model'
import type { SecurityHeadersInput } from './route-traffic-schema.js'
import type { Path } from './source.js'

type Report = (path: Path, message: string, hint?: string) => void

/** Null: none, as `false` says. Mistakes are reported at paths below the route or the gateway. */
export function readSecurityHeaders(written: SecurityHeadersInput, report: Report): SecurityHeaders | null {
  if (String(written) === 'false') return null
  const input = typeof written === 'object' ? written : {}
  for (const key of ['referrer_policy', 'content_security_policy', 'permissions_policy', 'opener_policy'] as const) {
    // What is left of ASCII when it cannot end the line.
    if (/[^\t\x20-\x7e]/.test(String(input[key] ?? '')))
      report(['security_headers', key], 'a header value is one line of ASCII')
  }
  const hsts = typeof input.hsts === 'object' ? input.hsts : String(input.hsts ?? true) === 'true' ? {} : null
  return {
    hsts:
      hsts === null
        ? null
        : {
            maxAgeSeconds: Number(hsts.max_age_days ?? 365) * secondsOfDay,
            includeSubdomains: String(hsts.include_subdomains ?? false) === 'true',
          },
    nosniff: String(input.nosniff ?? true) === 'true',
    frames: input.frames === false ? null : (input.frames ?? 'self'),
    referrerPolicy:
      input.referrer_policy === false ? null : (input.referrer_policy ?? 'strict-origin-when-cross-origin'),
    contentSecurityPolicy: input.content_security_policy ?? null,
    permissionsPolicy: input.permissions_policy ?? null,
    openerPolicy: input.opener_policy ?? null,
  }
}

const secondsOfDay = 86_400

/** As it would be written. */
export function renderSecurityHeaders(headers: SecurityHeaders | null): object | false {
  if (headers === null) return false
  const { hsts } = headers
  return {
    hsts:
      hsts === null
        ? false
        : { max_age_days: hsts.maxAgeSeconds / secondsOfDay, include_subdomains: hsts.includeSubdomains },
    nosniff: headers.nosniff,
    frames: headers.frames ?? false,
    referrer_policy: headers.referrerPolicy ?? false,
    ...(headers.contentSecurityPolicy === null ? {} : { content_security_policy: headers.contentSecurityPolicy }),
    ...(headers.permissionsPolicy === null ? {} : { permissions_policy: headers.permissionsPolicy }),
    ...(headers.openerPolicy === null ? {} : { opener_policy: headers.openerPolicy }),
  }
}
