import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { until } from '../processes.mjs'
import { expect, plain, together } from './variants.mjs'

const origin = 'https://shop.example'
const proxied = '203.0.113.7'

/** A token bucket or its like for each address: `requests` a second, and as many at once. */
function rateLimit(requests, hasHeaders = false) {
  const limit = {
    name: 'default',
    requests,
    periodMs: 1_000,
    burst: requests,
    key: { kind: 'address' },
    isShared: true,
  }
  return {
    nginx: {
      http: `limit_req_zone $binary_remote_addr zone=each:10m rate=${requests}r/s; limit_req_status 429;`,
      location: `limit_req zone=each burst=${requests} nodelay;`,
    },
    haproxy: {
      frontend: `stick-table type ip size 100k expire 1m store http_req_rate(1s)
  http-request track-sc0 src
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${requests} }`,
    },
    pando: { route: { rateLimit: { limits: [limit], hasHeaders } } },
  }
}

function ipRules(denied) {
  return {
    nginx: { location: `deny ${denied}; allow 127.0.0.0/8; allow 10.0.0.0/8; allow ${proxied}; deny all;` },
    haproxy: {
      frontend: `http-request deny if { src ${denied} }
  http-request deny unless { src 127.0.0.0/8 10.0.0.0/8 ${proxied} }`,
    },
    pando: { route: { ip: { allow: ['127.0.0.0/8', '10.0.0.0/8', proxied], deny: [denied] } } },
  }
}

const trustedProxies = {
  nginx: { server: 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; real_ip_recursive on;' },
  haproxy: { frontend: 'http-request set-src req.hdr_ip(x-forwarded-for,-1) if { src 127.0.0.1 }' },
  pando: { config: { trustedProxies: ['127.0.0.1'] } },
}

const cors = {
  nginx: {
    http: `map $http_origin $allowed { default ""; "${origin}" $http_origin; }
  map $http_origin $credentials { default ""; "${origin}" true; }`,
    location: `add_header Access-Control-Allow-Origin $allowed;
      add_header Access-Control-Allow-Credentials $credentials;
      add_header Vary Origin;`,
  },
  haproxy: {
    frontend: `http-request set-var(txn.origin) req.hdr(origin)
  http-response set-header Access-Control-Allow-Origin %[var(txn.origin)] if { var(txn.origin) -m str ${origin} }
  http-response set-header Access-Control-Allow-Credentials true if { var(txn.origin) -m str ${origin} }
  http-response add-header Vary Origin`,
  },
  pando: {
    route: {
      cors: {
        origins: [origin],
        methods: ['GET'],
        headers: ['content-type'],
        exposeHeaders: [],
        maxAgeSeconds: 600,
        hasCredentials: true,
      },
    },
  },
}

const secured = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "frame-ancestors 'self'",
  'X-Frame-Options': 'SAMEORIGIN',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
}
const securityHeaders = {
  nginx: { location: eachHeader((name, value) => `add_header ${name} "${value}";`) },
  haproxy: { frontend: eachHeader((name, value) => `http-response set-header ${name} "${value}"`) },
  pando: {
    route: {
      securityHeaders: {
        hsts: null,
        nosniff: true,
        frames: 'self',
        referrerPolicy: secured['Referrer-Policy'],
        contentSecurityPolicy: null,
        permissionsPolicy: null,
        openerPolicy: null,
      },
    },
  },
}

function eachHeader(line) {
  return Object.entries(secured)
    .map(([name, value]) => line(name, value))
    .join('\n  ')
}

/** For each proxy in its own names. */
function logLine(names) {
  return (
    `{"time":"${names.time}","client":"${names.client}","method":"${names.method}","host":"${names.host}","path":"${names.path}",` +
    `"status":${names.status},"requestBytes":${names.requestBytes},"responseBytes":${names.responseBytes},"durationMs":${names.duration},` +
    `"route":"up/0","service":"up","endpoint":"${names.endpoint}","requestId":"${names.id}"}`
  )
}

/** The same fields as JSON lines: buffered to a file by nginx and Pando, to the standard output by HAProxy. */
function accessLog(folder) {
  const file = (proxy) => join(folder, `${proxy}.access`)
  const nginx = logLine({
    time: '$time_iso8601',
    client: '$remote_addr',
    method: '$request_method',
    host: '$host',
    path: '$uri',
    status: '$status',
    requestBytes: '$request_length',
    responseBytes: '$body_bytes_sent',
    duration: '$request_time',
    endpoint: '$upstream_addr',
    id: '$request_id',
  })
  const haproxy = logLine({
    time: '%tr',
    client: '%ci',
    method: '%HM',
    host: '%[var(txn.host),json]',
    path: '%HP',
    status: '%ST',
    requestBytes: '%U',
    responseBytes: '%B',
    duration: '%Ta',
    endpoint: '%s',
    id: '%[var(txn.id)]',
  })
  return {
    nginx: {
      http: `log_format fields escape=json '${nginx}';`,
      server: `access_log ${file('nginx')} fields buffer=64k flush=1s;`,
    },
    haproxy: {
      global: 'log stdout format raw local0',
      frontend: `log global
  log-format '${haproxy}'
  http-request set-var(txn.host) req.hdr(host)
  http-request set-var(txn.id) uuid()`,
      adds: ['option forwardfor', 'http-request set-header X-Request-Id %[var(txn.id)]'],
    },
    pando: { config: { accessLog: file('pando') } },
  }
}

/** Asked for once, a file that no load asks for has its line soon. */
async function checkLog({ ask, folder, key, output }) {
  await ask('/ten-kilobytes.txt')
  const file = key === 'haproxy' ? output : join(folder, `${key}.access`)
  await until(`${file} has no line of the request`, async () => {
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .find((text) => text.includes('/ten-kilobytes.txt'))
    const { method, status, requestId } = JSON.parse(line)
    return method === 'GET' && status === 200 && requestId.length >= 32
  })
}

const scenario = {
  name: 'GET 200 B',
  path: '/small',
  headers: { Origin: origin, 'X-Forwarded-For': proxied },
}
const denying = ipRules('127.0.0.0/8')

async function checkCors({ ask }) {
  const { headers } = await ask('/small')
  expect(headers['access-control-allow-origin'] === origin, 'the origin is not allowed')
  expect(headers['access-control-allow-credentials'] === 'true', 'credentials are not allowed')
  expect(/origin/i.test(headers.vary), 'Vary does not name Origin')
  const { headers: other } = await ask('/small', { Origin: 'https://other.example' })
  expect(other['access-control-allow-origin'] === undefined, 'another origin is allowed')
}

async function checkSecurityHeaders({ ask }) {
  const { headers } = await ask('/small')
  for (const [name, value] of Object.entries(secured)) {
    expect(headers[name.toLowerCase()] === value, `${name} is ${headers[name.toLowerCase()]}`)
  }
}

export function rules(folder) {
  const plenty = rateLimit(1_000_000)
  const few = ipRules('10.1.0.0/16')
  return {
    title: 'Rules of a route',
    note: `Requests carry \`Origin\` and \`X-Forwarded-For\` beside the 8 headers. Logs have the same fields; HAProxy writes each line by itself.`,
    isPolicy: true,
    scenario,
    features: [
      { name: 'rate limit by address', with: plenty, refuses: { variant: rateLimit(1), status: 429 } },
      {
        name: 'the same, with RateLimit headers',
        with: { nginx: null, haproxy: null, pando: rateLimit(1_000_000, true).pando },
        check: async ({ ask }) => expect('ratelimit' in (await ask('/small')).headers, 'no RateLimit header'),
      },
      { name: 'IP rules', with: few, refuses: { variant: denying, status: 403 } },
      {
        name: 'trusted proxies',
        with: trustedProxies,
        refuses: { variant: together(trustedProxies, ipRules(proxied)), status: 403 },
      },
      { name: 'CORS', with: cors, check: checkCors },
      { name: 'security headers', with: securityHeaders, check: checkSecurityHeaders },
      {
        name: 'all of these',
        with: together(trustedProxies, plenty, few, cors, securityHeaders),
        async check(probe) {
          await checkCors(probe)
          await checkSecurityHeaders(probe)
        },
        refuses: { variant: together(trustedProxies, rateLimit(1), cors, securityHeaders), status: 429 },
      },
      { name: 'access log', isPolicy: false, with: accessLog(folder), check: checkLog },
    ],
  }
}

export const compression = {
  title: 'Compression of an answer of 10 KB of JSON',
  note: 'gzip at level 6 in nginx and Pando; HAProxy has one level, of a lighter kind.',
  scenario: { name: 'GET 10 KB JSON', path: '/orders.json' },
  features: [
    {
      name: 'gzip',
      without: plain,
      with: {
        nginx: { location: 'gzip on; gzip_comp_level 6; gzip_proxied any; gzip_types application/json;' },
        haproxy: { frontend: 'compression algo gzip\n  compression type application/json' },
        pando: { route: { compress: { codings: ['gzip'], types: ['application/json'], minBytes: 1_024 } } },
      },
      async check({ ask, askWithout }) {
        const [{ headers, body }, { text }] = [await ask('/orders.json'), await askWithout('/orders.json')]
        expect(headers['content-encoding'] === 'gzip', 'nothing is compressed')
        expect(gunzipSync(body).toString() === text, 'it is not what the service sent')
        return `${body.length.toLocaleString('en')} of ${text.length.toLocaleString('en')} bytes are sent`
      },
    },
  ],
}
