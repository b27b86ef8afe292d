// What is measured. Unless a variant says otherwise, all add X-Forwarded-For and X-Request-Id, keep connections to the service alive and write no access log.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gatewayWithout } from './gateway-without.mjs'

/**
 * Each: its key in variants, how it is called, its version (null when it is not here), whether it speaks HTTP/2 to clients, and the
 * command that runs it in the foreground, as `variant` has it. `name` is that of its files in `folder`.
 */
const adjustable = [
  {
    key: 'nginx',
    isNative: true,
    name: 'nginx',
    version: () => firstMatch('nginx', ['-v'], /nginx\/(\S+)/),
    hasHttp2: true,
    command({ port, http2Port, upstream, folder, name, variant = {} }) {
      const prefix = join(folder, `${name}-proxy`)
      writeFileSync(
        `${prefix}.conf`,
        nginxConfig(prefix, nginxProxy({ port, http2Port, upstream, ...variant }), variant.connections),
      )
      return ['nginx', '-c', `${prefix}.conf`, '-e', `${prefix}.error`]
    },
  },
  {
    key: 'haproxy',
    isNative: true,
    name: 'HAProxy',
    version: () => firstMatch('haproxy', ['-v'], /version (\S+)/),
    hasHttp2: true,
    command({ port, http2Port, upstream, folder, name, variant = {} }) {
      const file = join(folder, `${name}.cfg`)
      writeFileSync(file, haproxyConfig({ port, http2Port, upstream, ...variant }))
      return ['haproxy', '-db', '-f', file]
    },
  },
  {
    key: 'pando',
    name: 'Pando',
    version: ({ root }) =>
      existsSync(join(root, gatewayEntry)) ? packageVersion(join(root, 'packages/gateway/package.json')) : null,
    // One port for both: the first bytes of a connection tell.
    hasHttp2: 'same port',
    async command({ root, port, upstream, folder, name, variant = {} }) {
      const file = join(folder, `${name}-table.json`)
      writeFileSync(file, JSON.stringify(await routingTable(root, port, upstream, variant)))
      const entry =
        variant.without === undefined ? join(root, gatewayEntry) : gatewayWithout({ root, folder, name, ...variant })
      const options = ['--table', file, '--workers', '1', '--admin-socket', join(folder, `${name}.sock`)]
      return [process.execPath, entry, ...options]
    },
  },
]

/** Rounds that tell enough of what costs several times as much. */
export const farRounds = 5

/** With npm's, which there are no variants of. */
export const proxies = [
  ...adjustable,
  peer('@fastify/http-proxy', 'fastify-http-proxy.mjs'),
  peer('http-proxy', 'http-proxy.mjs'),
]

/** Pando once more, by another Node: the program of that name. */
export function withNode(program) {
  const node = firstMatch(program, ['--version'], /^v(\S+)/)
  if (node === null) throw new Error(`${program} is no Node.`)
  const pando = adjustable.find(({ key }) => key === 'pando')
  return {
    ...pando,
    key: `pando-on-${node}`,
    name: `Pando on Node ${node}`,
    // Its name says all that there is to say.
    version: () => '',
    command: async (options) => [program, ...(await pando.command(options)).slice(1)],
  }
}

/** Those that there are variants of, as far as they are here, each with its version. */
export function adjustableProxies({ root }) {
  return adjustable
    .map((proxy) => ({ ...proxy, version: proxy.version({ root }) }))
    .filter(({ version }) => version !== null)
}

const gatewayEntry = 'packages/gateway/dist/main.js'
const manifestDefaults = 'packages/control-plane/dist/manifest/defaults.js'

function peer(name, script) {
  return {
    key: name.replaceAll('/', '-'),
    name,
    mostRounds: farRounds,
    hasHttp2: false,
    version: ({ root }) => packageVersion(join(root, 'bench/node_modules', name, 'package.json')),
    command: ({ root, port, upstream }) => [
      process.execPath,
      join(root, 'bench/peers', script),
      String(port),
      String(upstream),
    ],
  }
}

/** Pando's first choice, and the only one of the others. */
export const cipher = 'TLS_AES_128_GCM_SHA256'
const address = 'X-Forwarded-For $proxy_add_x_forwarded_for'
const id = 'X-Request-Id $request_id'

/** `adds`: headers for the service. The strings are lines for their blocks; `tls` has the paths `cert` and `key`. */
function nginxProxy(variant) {
  const { port, http2Port, upstream, http = '', server = '', location = '', adds = [address, id] } = variant
  const { pass = 'proxy', connection = '""', tls } = variant
  const secure = tls === undefined ? '' : ' ssl'
  const certificate =
    tls === undefined
      ? ''
      : `ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites ${cipher}; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};`
  const to =
    pass === 'grpc'
      ? 'grpc_pass grpc://service;'
      : `proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ${connection};`
  return `
  ${http}
  upstream service { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}${secure};
    listen 127.0.0.1:${http2Port}${secure} http2;
    ${certificate}
    ${server}
    location / {
      ${to}
      ${['Host $host', ...adds].map((line) => `${pass}_set_header ${line};`).join('\n      ')}
      ${location}
    }
  }`
}

/** `adds`: the rules that set headers for the service. `server` is what is said of the service; `tls` has the path `pem`. */
function haproxyConfig({
  port,
  http2Port,
  upstream,
  global = '',
  users,
  adds,
  frontend = '',
  server = '',
  tls,
  connections = 4096,
}) {
  const secure = (alpn) =>
    tls === undefined ? '' : ` ssl crt ${tls.pem} ssl-min-ver TLSv1.3 ciphersuites ${cipher} alpn ${alpn}`
  const rules = adds ?? ['option forwardfor', 'http-request set-header X-Request-Id %[uuid()]']
  return `global
  nbthread 1
  maxconn ${connections}
  ${global}
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
${users === undefined ? '' : `userlist known\n  ${users}\n`}frontend edge
  bind 127.0.0.1:${port}${secure('http/1.1')}
  bind 127.0.0.1:${http2Port}${tls === undefined ? ' proto h2' : secure('h2')}
  ${[frontend, ...rules].join('\n  ')}
  default_backend service
backend service
  server one 127.0.0.1:${upstream} ${server}
`
}

/**
 * The service behind every proxy: nginx, so that it costs as little as may be. `/seen` tells what reached it, `/orders.json` is 10 KB that can
 * be compressed. On `grpcPort` it answers every unary call of gRPC with `grpcMessage`.
 */
export function upstreamCommand({ port, grpcPort, folder }) {
  const root = join(folder, 'service')
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'ten-kilobytes.txt'), 'x'.repeat(10_240))
  writeFileSync(join(root, 'orders.json'), orders())
  writeFileSync(join(root, 'message'), grpcMessage)
  const prefix = join(folder, 'nginx-upstream')
  writeFileSync(
    `${prefix}.conf`,
    nginxConfig(
      prefix,
      `
  open_file_cache max=10;
  server {
    listen 127.0.0.1:${port};
    root ${root};
    client_body_buffer_size 64k;
    location = /seen { return 200 '$http_x_forwarded_for|$http_x_request_id|$http_traceparent|$http_x_user'; }
    location = /small { return 200 '${'x'.repeat(200)}'; }
    location = /orders.json { types {} default_type application/json; }
  }
  server {
    listen 127.0.0.1:${grpcPort} http2;
    root ${root};
    # The whole call is read before it is answered, as what comes of it later confuses nginx as a client. A file is given for GET alone:
    # the way by an error makes it the answer to a POST, with trailers.
    mirror /read;
    location = /read { internal; return 204; }
    error_page 404 405 =200 /message;
    open_file_cache_errors on;
    log_not_found off;
    location = /message { mirror off; types {} default_type application/grpc; add_trailer grpc-status 0; }
  }`,
    ),
  )
  return ['nginx', '-c', `${prefix}.conf`, '-e', `${prefix}.error`]
}

/** One message of gRPC: not compressed, its length, 100 bytes. */
export const grpcMessage = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, 'x')])

function orders() {
  return JSON.stringify(Array.from({ length: 96 }, order))
    .padEnd(10_240)
    .slice(0, 10_240)
}

function order(_, index) {
  return {
    id: createHash('md5').update(String(index)).digest('hex'),
    customer: `customer-${(index * 7919) % 1_000}`,
    total: ((index * 104_729) % 100_000) / 100,
    state: ['open', 'paid', 'sent'][index % 3],
  }
}

/** Connections are not closed after nginx's default of 1,000 requests: reconnecting is not what is measured. */
function nginxConfig(prefix, servers, connections = 4096) {
  return `${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;
worker_processes 1;
pid ${prefix}.pid;
events { worker_connections ${connections}; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path ${prefix}-body;
  proxy_temp_path ${prefix}-proxy;
  fastcgi_temp_path ${prefix}-fastcgi;
  uwsgi_temp_path ${prefix}-uwsgi;
  scgi_temp_path ${prefix}-scgi;${servers}
}
`
}

/** One route to one endpoint, every limit at the manifest's default; the variant adds to the route, the configuration and the limits. */
export async function routingTable(root, port, upstream, { route, config, limits, tls, protocol = 'http' } = {}) {
  const { defaultLimits } = await import(pathToFileURL(join(root, manifestDefaults)).href)
  const listener = { kind: 'edge', name: 'edge', address: { host: '127.0.0.1', port } }
  const encryption = { minVersion: '1.3', clientAuth: null, alpn: ['h2', 'http/1.1'] }
  return {
    epoch: 'bench',
    version: 1,
    config: {
      app: 'bench',
      listeners: [tls === undefined ? listener : { ...listener, tls: { certificates: [tls], ...encryption } }],
      routes: [
        {
          name: 'up/0',
          hosts: [],
          matches: [{ path: { type: 'prefix', value: '/' }, method: null, headers: [], query: [] }],
          filters: [],
          backends: [{ service: 'up', weight: 1 }],
          timeouts: { requestMs: null, backendRequestMs: null },
          ...route,
        },
      ],
      services: [{ name: 'up', protocol, balancer: 'round_robin' }],
      limits: { ...defaultLimits, ...limits },
      accessLog: null,
      ...config,
    },
    endpoints: [
      {
        id: 'up-1',
        service: 'up',
        address: { host: '127.0.0.1', port: upstream },
        state: 'healthy',
        revision: null,
        weight: 100,
        metadata: {},
        source: 'pando',
      },
    ],
  }
}

function firstMatch(command, args, pattern) {
  try {
    return (
      pattern.exec(execFileSync('sh', ['-c', `"$0" "$@" 2>&1`, command, ...args], { encoding: 'utf8' }))?.[1] ?? null
    )
  } catch {
    return null
  }
}

function packageVersion(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : null
}
