import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpDataPlane } from '@pando/gateway'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FrameClient } from '../gateway/http2-client.js'
import { Client, endpoint, eventually, freePort, table } from '../gateway/plane.js'
import { root } from '../house/source-tree.js'
import { endStreamFlag, goawayFrame, headersFrame, resetFrame } from '../../packages/gateway/src/http2/frame-types.js'
import { http2Cases } from './http2-smuggling-cases.js'

const programs = join(root, 'test/support/programs/backends')
const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

interface Backend {
  readonly name: string
  readonly lacks: string | null
  /** Command and arguments; `folder` is its own, empty, and goes after the test. */
  start(port: number, folder: string): readonly [string, ...string[]]
}

/** One process, an answer a request, a line on its output for each: the same as the other programs. */
const nginxConfig = (port: number, folder: string): string => `
daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http {
  log_format seen 'seen $request_method $request_uri $content_length';
  access_log /dev/stdout seen;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen 127.0.0.1:${port}; location / { return 200 "$request_method $request_uri"; } }
}`

const backends: readonly Backend[] = [
  { name: 'node:http', lacks: null, start: (port) => [process.execPath, join(programs, 'server.mjs'), `${port}`] },
  {
    name: 'node:http with its lenient parser',
    lacks: null,
    start: (port) => [process.execPath, join(programs, 'server.mjs'), `${port}`, 'lenient'],
  },
  {
    name: 'http.server of Python',
    lacks: works('python3', '--version') ? null : 'python3',
    start: (port) => ['python3', join(programs, 'stdlib.py'), `${port}`],
  },
  {
    name: 'Flask',
    lacks: works('python3', '-c', 'import flask') ? null : 'flask for python3',
    start: (port) => ['python3', join(programs, 'flask_app.py'), `${port}`],
  },
  {
    name: 'net/http of Go',
    lacks: works('go', 'version') ? null : 'go',
    // Built first, as "go run" would leave a child of its own behind when it is killed.
    start: (port, folder) => {
      const built = spawnSync('go', ['build', '-o', join(folder, 'server'), join(programs, 'server.go')])
      if (built.status !== 0) throw new Error(String(built.stderr))
      return [join(folder, 'server'), `${port}`]
    },
  },
  {
    name: 'HttpServer of Java',
    lacks: works('javac', '--version') ? null : 'a JDK',
    start: (port) => ['java', join(programs, 'Server.java'), `${port}`],
  },
  {
    name: 'nginx',
    lacks: works('nginx', '-v') ? null : 'nginx',
    start: (port, folder) => {
      writeFileSync(join(folder, 'nginx.conf'), nginxConfig(port, folder))
      return ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf')]
    },
  },
]

const control = (mark: number): string => `GET /control/${mark} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`
const inner = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n'
const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

/** Pairs of what frames a request and the body behind it, each of which some program or other reads differently from its neighbour. */
const bodies: readonly (readonly [string, string])[] = [
  ['Content-Length: 0\r\n', inner],
  [`Content-Length: ${inner.length}\r\n`, inner],
  [`Content-Length: +${inner.length}\r\n`, inner],
  [`Content-Length: ${inner.length}, ${inner.length}\r\n`, inner],
  [`Content-Length: ${inner.length}\r\nContent-Length: 0\r\n`, inner],
  [`Content-Length: 0\r\ncontent-length: ${inner.length}\r\n`, inner],
  [`Content-Length: 0x${inner.length.toString(16)}\r\n`, inner],
  ['Content-Length:\r\n', inner],
  ['Content-Length: 1_0\r\n', inner],
  ['Content_Length: 0\r\n', inner],
  ['Content-Length : 0\r\n', inner],
  ['Content-Length: 0\r\n 9\r\n', inner],
  ['Content-Length: 3\0\r\n', inner],
  [`Content-Length: ${inner.length + 5}\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `${chunkOf(inner)}0\r\n\r\n`],
  ['Transfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `${chunkOf(inner)}0\r\n\r\n`],
  ['Transfer-Encoding: chunked\r\n', `5;a="\r\n"\r\nhello\r\n0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `5;a=b\nhello\r\n0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `5;${'x'.repeat(100)}\r\nhello\r\n0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `5 \t;a\r\nhello\r\n0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `0x5\r\nhello\r\n0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `5\r\nhelloXX0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `5\nhello\n0\n\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `10000000000000005\r\nhello\r\n0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `-5\r\nhello\r\n0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `00000005\r\nhello\r\n000\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `0\r\nTransfer-Encoding: chunked\r\n\r\n${chunkOf(inner)}0\r\n\r\n`],
  ['Transfer-Encoding: chunked\r\n', `0\r\nX: y\n\r\n${inner}`],
  // Trailers that go on.
  ['Transfer-Encoding: chunked\r\n', `${chunkOf(inner)}0\r\nX: y\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `0\r\nX:\r\nGET: /smuggled HTTP/1.1\r\nY:\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\n', `0\r\nXXGET:/smuggled HTTP/1.1\r\nX: h\r\n\r\n`],
  ['Transfer-Encoding: chunked\r\n', `0\r\n0: y\r\nFFFF: y\r\n\r\n`],
  ['Transfer-Encoding: chunked\r\nTrailer: X, Content-Length\r\n', `0\r\nX: ${'y'.repeat(8_000)}\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n', `0\r\n${'X: y\r\n'.repeat(100)}\r\n${inner}`],
  ['Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding: identity, chunked\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding: "chunked"\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding: \x0bchunked\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding:\tChUnKeD\t\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding : chunked\r\n', `0\r\n\r\n${inner}`],
  [' Transfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`],
  ['X: y\r\n\tTransfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding\r\n: chunked\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${inner}`],
  ['X: y\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`],
  ['X: y\rTransfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`],
  ['Transfer_Encoding: chunked\r\n', `0\r\n\r\n${inner}`],
  ['Transfer-Encoding\xa0: chunked\r\n', `0\r\n\r\n${inner}`],
  ['Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n', `${chunkOf(inner)}0\r\n\r\n`],
  [`Connection: Content-Length\r\nContent-Length: ${inner.length}\r\n`, inner],
  [
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n',
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
  ],
  ['Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n', inner],
  [`Expect: 100-continue\r\nContent-Length: ${inner.length}\r\n`, inner],
  ['Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n', `${chunkOf(inner)}0\r\n\r\n`],
  ['Host: other\r\n', inner],
  ['', `\r\n\r\n${inner}`],
  ['', inner.replaceAll('\r\n', '\n')],
  ['X: \xff\xfe\r\n', inner],
]
const lines = [
  'POST / HTTP/1.1\r\n',
  'GET / HTTP/1.1\r\n',
  'HEAD / HTTP/1.1\r\n',
  'OPTIONS * HTTP/1.1\r\n',
  'PUT /a/../b%2e%2E/;c?d=%0d%0aX HTTP/1.1\r\n',
  'POST / HTTP/1.0\r\nConnection: keep-alive\r\n',
  'POST http://h/ HTTP/1.1\r\n',
]

for (const { name, lacks } of backends) if (lacks !== null) console.warn(`left out: ${name}, for there is no ${lacks}`)

describe.each(backends)('behind the gateway, $name', ({ lacks, start }) => {
  let folder = ''
  let backend: ChildProcess | null = null
  let plane: HttpDataPlane
  let port = 0

  beforeAll(async () => {
    if (lacks !== null) return
    folder = mkdtempSync(join(tmpdir(), 'pando-backend-'))
    const upstream = await freePort()
    // A file, as nginx opens its standard output anew, which it cannot when that is a pipe of Node's.
    const output = openSync(join(folder, 'seen'), 'a')
    const [command, ...args] = start(upstream, folder)
    backend = spawn(command, args, { cwd: folder, stdio: ['ignore', output, 'ignore'] })
    closeSync(output)
    plane = new HttpDataPlane()
    // It is there when the first request gets its answer: the gateway waits for it.
    const limits = { pendingTimeoutMs: 60_000, idleTimeoutMs: 5_000, maxRetries: 0, maxConnectionsPerEndpoint: 1 }
    const web = { name: 'web', protocol: 'http', balancer: 'round_robin', requestTrailers: true } as const
    await plane.apply(table({ endpoints: [endpoint('web', upstream)], services: [web], limits }))
    port = plane.address('edge')?.port ?? 0
  }, 120_000)

  afterAll(async () => {
    if (lacks !== null) return
    await plane.close(0)
    backend?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  const seen = (): number => readFileSync(join(folder, 'seen'), 'utf8').split('seen ').length - 1

  /** Requests that the gateway has passed on, answered or not. */
  const counted = (): number =>
    (plane.metrics().families.find(({ name }) => name === 'pando_gateway_requests_total')?.series ?? [])
      .filter(({ labels }) => labels['service'] === 'web')
      .reduce((sum, { values }) => sum + (values[0] ?? 0), 0)

  async function ask(text: string): Promise<string> {
    const client = new Client(port)
    client.send(text)
    client.socket.end()
    const answer = await client.ended()
    client.socket.destroy()
    return answer
  }

  it.skipIf(lacks !== null)(
    'never sees more of requests of HTTP/2 either, whatever they carry',
    async () => {
      let mark = 10_000
      let answered = 0
      for (const { fields, data, trailers } of http2Cases) {
        const client = new FrameClient(port)
        client.request(1, fields, data === null && trailers === null)
        if (data !== null) client.data(1, data, trailers === null)
        if (trailers !== null) client.headers(1, trailers)
        const end = await client.find(({ type, stream, flags }) => {
          if (type === goawayFrame || (stream === 1 && type === resetFrame)) return true
          return stream === 1 && type <= headersFrame && (flags & endStreamFlag) !== 0
        })
        const name = JSON.stringify({ fields, data, trailers })
        expect(end, name).toBeDefined()
        const head = client.sections.find(({ stream }) => stream === 1)?.fields ?? []
        expect(head, name).not.toContain(':status: 504')
        if (head.includes(':status: 200')) answered++
        client.socket.destroy()
        mark++
        expect(await ask(control(mark)), name).toMatch(
          new RegExp(`^HTTP/1\\.1 200 [^]*\\r\\n\\r\\nGET /control/${mark}$`),
        )
        expect(seen(), name).toBeLessThanOrEqual(counted())
      }
      expect(readFileSync(join(folder, 'seen'), 'utf8')).not.toMatch(/seen GET \/smuggled/)
      expect(answered).toBeGreaterThan(1)
      expect(answered).toBeLessThan(http2Cases.length / 3)
    },
    120_000,
  )

  it.skipIf(lacks !== null)(
    'never sees a request that the gateway did not, and answers each with its own answer',
    async () => {
      let mark = 0
      expect(await ask(control(mark))).toContain('GET /control/0')
      for (const [index, [headers, body]] of bodies.entries()) {
        // Every body behind two of the lines, every line before many of the bodies.
        for (const line of [lines[index % 2], lines[2 + (index % (lines.length - 2))]]) {
          const text = `${line}Host: h\r\n${headers}\r\n${body}`
          expect(await ask(text), JSON.stringify(text)).not.toContain('HTTP/1.1 504 ')
          // Over the same one connection, where it was kept: whatever was left on it would be the answer.
          mark++
          const answer = await ask(control(mark))
          expect(answer, JSON.stringify(text)).toMatch(
            new RegExp(`^HTTP/1\\.1 200 [^]*\\r\\n\\r\\nGET /control/${mark}$`),
          )
          expect(seen(), JSON.stringify(text)).toBeLessThanOrEqual(counted())
        }
      }
      await eventually(() => seen() > mark)
    },
    120_000,
  )
})
