// The options of a route whose cost is measured, one by one and together.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const plenty = { requests: 1_000_000, periodMs: 1_000, burst: 1_000_000, isShared: true }
const cors = {
  origins: ['https://shop.example'],
  methods: ['GET'],
  headers: ['content-type'],
  exposeHeaders: [],
  maxAgeSeconds: 600,
  hasCredentials: true,
}
const securityHeaders = {
  hsts: { maxAgeSeconds: 31_536_000, includeSubdomains: false },
  nosniff: true,
  frames: 'self',
  referrerPolicy: 'strict-origin-when-cross-origin',
  contentSecurityPolicy: null,
  permissionsPolicy: null,
  openerPolicy: null,
}
const limitBy = (key, hasHeaders) => ({ limits: [{ ...plenty, name: 'default', key }], hasHeaders })

/** What is added to the one route, or to the configuration. */
export const features = {
  plain: {},
  'rate limit by address': { route: { rateLimit: limitBy({ kind: 'address' }, true) } },
  'rate limit, without headers': { route: { rateLimit: limitBy({ kind: 'address' }, false) } },
  'rate limit by header': { route: { rateLimit: limitBy({ kind: 'header', name: 'cookie' }, false) } },
  CORS: { route: { cors } },
  'IP rules': { route: { ip: { allow: ['127.0.0.0/8', '10.0.0.0/8'], deny: ['10.1.0.0/16'] } } },
  'trusted proxies': { config: { trustedProxies: ['127.0.0.1'] } },
  'security headers': { route: { securityHeaders } },
  'sizes of messages': { route: { sizes: { maxResponseBodyBytes: 1_000_000 } } },
  'all of these': {
    route: {
      rateLimit: limitBy({ kind: 'address' }, true),
      cors,
      ip: { allow: ['127.0.0.0/8'], deny: [] },
      securityHeaders,
      sizes: { maxResponseBodyBytes: 1_000_000 },
    },
    config: { trustedProxies: ['127.0.0.1'] },
  },
}
