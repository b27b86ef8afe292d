// What is measured. All add X-Forwarded-For and X-Request-Id, keep upstream connections alive and write no access log.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Each: how it is called, its version (null when it is not here), whether it speaks HTTP/2 to clients, and the command that runs it in the foreground. */
export const proxies = [
  {
    name: 'nginx',
    version: () => firstMatch('nginx', ['-v'], /nginx\/(\S+)/),
    hasHttp2: true,
    command({ port, http2Port, upstream, folder }) {
      const file = join(folder, 'nginx-proxy.conf')
      writeFileSync(
        file,
        nginxConfig(
          join(folder, 'nginx-proxy'),
          `
  upstream service { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${http2Port} http2;
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Request-Id $request_id;
    }
  }`,
        ),
      )
      return ['nginx', '-c', file, '-e', join(folder, 'nginx-proxy.error')]
    },
  },
  {
    name: 'HAProxy',
    version: () => firstMatch('haproxy', ['-v'], /version (\S+)/),
    hasHttp2: true,
    command({ port, http2Port, upstream, folder }) {
      const file = join(folder, 'haproxy.cfg')
      writeFileSync(
        file,
        `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend edge
  bind 127.0.0.1:${port}
  bind 127.0.0.1:${http2Port} proto h2
  option forwardfor
  http-request set-header X-Request-Id %[uuid()]
  default_backend service
backend service
  server one 127.0.0.1:${upstream}
`,
      )
      return ['haproxy', '-db', '-q', '-f', file]
    },
  },
  {
    name: 'Pando',
    version: ({ root }) =>
      existsSync(join(root, gatewayEntry)) ? packageVersion(join(root, 'packages/gateway/package.json')) : null,
    // One port for both: the first bytes of a connection tell.
    hasHttp2: 'same port',
    async command({ root, port, upstream, folder }) {
      const file = join(folder, 'table.json')
      writeFileSync(file, JSON.stringify(await routingTable(root, port, upstream)))
      return [process.execPath, join(root, gatewayEntry), '--table', file, '--workers', '1']
    },
  },
  peer('@fastify/http-proxy', 'fastify-http-proxy.mjs'),
  peer('http-proxy', 'http-proxy.mjs'),
]

export const gatewayEntry = 'packages/gateway/dist/main.js'
const manifestDefaults = 'packages/control-plane/dist/manifest/defaults.js'

function peer(name, script) {
  return {
    name,
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

/** The service behind every proxy: nginx, so that it costs as little as may be. */
export function upstreamCommand({ port, folder }) {
  writeFileSync(join(folder, 'ten-kilobytes.txt'), 'x'.repeat(10_240))
  const file = join(folder, 'nginx-upstream.conf')
  writeFileSync(
    file,
    nginxConfig(
      join(folder, 'nginx-upstream'),
      `
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    open_file_cache max=10;
    client_body_buffer_size 64k;
    location = /seen { return 200 '$http_x_forwarded_for|$http_x_request_id'; }
    location = /small { return 200 '${'x'.repeat(200)}'; }
  }`,
    ),
  )
  return ['nginx', '-c', file, '-e', join(folder, 'nginx-upstream.error')]
}

/** Connections are not closed after nginx's default of 1,000 requests: reconnecting is not what is measured. */
function nginxConfig(prefix, servers) {
  return `${process.getuid?.() === 0 ? 'user root;\n' : ''}daemon off;
worker_processes 1;
pid ${prefix}.pid;
events { worker_connections 4096; }
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

/** One route to one endpoint, every limit at the manifest's default; `feature` adds to the route and to the configuration. */
export async function routingTable(root, port, upstream, feature = {}) {
  const { defaultLimits: limits } = await import(pathToFileURL(join(root, manifestDefaults)).href)
  return {
    epoch: 'bench',
    version: 1,
    config: {
      app: 'bench',
      listeners: [{ kind: 'edge', name: 'edge', address: { host: '127.0.0.1', port } }],
      routes: [
        {
          name: 'up/0',
          hosts: [],
          matches: [{ path: { type: 'prefix', value: '/' }, method: null, headers: [], query: [] }],
          filters: [],
          backends: [{ service: 'up', weight: 1 }],
          timeouts: { requestMs: null, backendRequestMs: null },
          ...feature.route,
        },
      ],
      services: [{ name: 'up', protocol: 'http', balancer: 'round_robin' }],
      limits,
      accessLog: null,
      ...feature.config,
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
