import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Listener, RouteFilter } from '@pando/model'
import { describe, expect, it } from 'vitest'
import {
  answering,
  cleanUp,
  Client,
  edge,
  endpoint,
  eventually,
  exchange,
  httpServer,
  ok,
  portOf,
  rawServer,
  route,
  serve,
  table,
} from './plane.js'

/** What the upstream gets for a request, as lines. */
async function forwarded(
  request: string,
  filters: readonly RouteFilter[] = [],
  listener: Listener = edge,
): Promise<string[]> {
  let head = ''
  const upstream = await rawServer(answering((text) => ((head = text), ok)))
  const { port } = await serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/', { filters }), route('api/0', 'web', '/api', { filters })],
    listeners: [listener],
  })
  const client = new Client(port)
  client.send(request)
  expect(await client.until((text) => text.endsWith('ok'))).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  return head.slice(0, -4).split('\r\n')
}

function valueOf(lines: readonly string[], name: string): string[] {
  const prefix = `${name.toLowerCase()}: `
  return lines.filter((line) => line.toLowerCase().startsWith(prefix)).map((line) => line.slice(prefix.length))
}

const get = (lines: string, target = '/'): string => `GET ${target} HTTP/1.1\r\nHost: example.org:81\r\n${lines}\r\n`

describe('the request that goes upstream', () => {
  it('keeps its line, its host and its other headers in their order', async () => {
    const lines = await forwarded(get('B: 1\r\nA:2\r\nb:  3 \r\n', '/x/y?q=%20#'.slice(0, -1)))
    expect(lines.slice(0, 5)).toEqual(['GET /x/y?q=%20 HTTP/1.1', 'Host: example.org:81', 'B: 1', 'A:2', 'b:  3 '])
  })

  it('has its path in normal form and its query as it was', async () => {
    const lines = await forwarded(get('', '/a/./b/../%7ec//d?x=../%7e'))
    expect(lines[0]).toBe('GET /a/~c/d?x=../%7e HTTP/1.1')
  })

  it('names no other path than the one that was routed', async () => {
    const lines = await forwarded(get('X-Original-URL: /admin\r\nx-rewrite-url: /admin\r\nX_Original_URL: /admin\r\n'))
    expect(lines.join('\n')).not.toContain('/admin')
  })

  it('says who the client is, and drops what the client says of that', async () => {
    const lines = await forwarded(
      get(
        'X-Forwarded-For: 6.6.6.6\r\nx-forwarded-proto: https\r\nX-FORWARDED-HOST: evil\r\nX-Forwarded-Prefix: /x\r\n' +
          'X_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n',
      ),
    )
    expect(valueOf(lines, 'X-Forwarded-For')).toEqual(['127.0.0.1'])
    expect(valueOf(lines, 'X-Forwarded-Proto')).toEqual(['http'])
    expect(valueOf(lines, 'X-Forwarded-Host')).toEqual(['example.org:81'])
    expect(valueOf(lines, 'X-Forwarded-Port')).toHaveLength(1)
    expect(lines.join('\n')).not.toMatch(/6\.6\.6\.6|evil|prefix/i)
  })

  it('has no hop-by-hop header and none that Connection names', async () => {
    const lines = await forwarded(
      get(
        'Connection: keep-alive, X-Mine,, "odd"\r\nconnection: X-Other\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: gzip\r\n' +
          'Trailer: A\r\nUpgrade: foo\r\nX-Mine: 1\r\nx-other: 2\r\nX-Kept: 3\r\n',
      ),
    )
    expect(lines.map((line) => line.split(':')[0])).toEqual([
      'GET / HTTP/1.1',
      'Host',
      'X-Kept',
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Port',
      'X-Forwarded-Host',
      'traceparent',
      'X-Request-Id',
    ])
  })

  it('cannot be robbed through Connection of what frames or identifies it', async () => {
    let body = ''
    const upstream = await httpServer((request, response) => {
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => response.end(JSON.stringify(request.headers)))
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const names = 'close, Host, Content-Length, X-Forwarded-For, X-Request-Id, traceparent, Connection'
    const answer = await exchange(
      port,
      `POST / HTTP/1.1\r\nHost: a\r\nConnection: ${names}\r\nContent-Length: 5\r\n\r\nhello`,
    )
    expect(body).toBe('hello')
    expect(JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1))).toMatchObject({
      host: 'a',
      'content-length': '5',
      'x-forwarded-for': '127.0.0.1',
    })
  })

  it('keeps a sane request id and makes one for others', async () => {
    expect(valueOf(await forwarded(get('X-Request-Id: abc-123\r\n')), 'X-Request-Id')).toEqual(['abc-123'])
    expect(valueOf(await forwarded(get('')), 'X-Request-Id')[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(valueOf(await forwarded(get('X-Request-Id: a"b\r\n')), 'X-Request-Id')[0]).toMatch(/^[0-9a-f]{32}$/)
    const long = `X-Request-Id: ${'a'.repeat(129)}\r\n`
    expect(valueOf(await forwarded(get(long)), 'X-Request-Id')[0]).toMatch(/^[0-9a-f]{32}$/)
  })

  it('continues a valid trace with a span of its own and begins one otherwise', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const [kept] = valueOf(await forwarded(get(`traceparent: 00-${trace}-b7ad6b7169203331-00\r\n`)), 'traceparent')
    expect(kept).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`))
    expect(kept).not.toContain('b7ad6b7169203331')
    for (const invalid of [
      '',
      `traceparent: 00-${'0'.repeat(32)}-b7ad6b7169203331-01\r\n`,
      `traceparent: 00-${trace}-${'0'.repeat(16)}-01\r\n`,
      `traceparent: 00-${trace.toUpperCase()}-b7ad6b7169203331-01\r\n`,
      `traceparent: ff-${trace}-b7ad6b7169203331-01\r\n`,
    ]) {
      const lines = valueOf(await forwarded(get(invalid)), 'traceparent')
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      expect(lines[0]).not.toContain(trace)
    }
  })

  it('follows absolute form', async () => {
    const lines = await forwarded('GET http://Example.org/a?b HTTP/1.1\r\nHost: example.org\r\n\r\n')
    expect(lines.slice(0, 2)).toEqual(['GET /a?b HTTP/1.1', 'Host: Example.org'])
  })

  it('is edited as the route says', async () => {
    const lines = await forwarded(get('X-Old: 1\r\nX-Set: client\r\n', '/api/users?q'), [
      { type: 'requestHeaders', set: { 'X-Set': 'gateway' }, add: { 'X-Add': 'more' }, remove: ['x-old'] },
      { type: 'rewrite', host: 'inner', path: { type: 'prefix', value: '/v2' } },
    ])
    expect(lines.slice(0, 2)).toEqual(['GET /v2/users?q HTTP/1.1', 'Host: inner'])
    expect(valueOf(lines, 'X-Set')).toEqual(['gateway'])
    expect(valueOf(lines, 'X-Add')).toEqual(['more'])
    expect(valueOf(lines, 'X-Old')).toEqual([])
    expect(valueOf(lines, 'X-Forwarded-Host')).toEqual(['example.org:81'])
  })

  it('says what the route wants said, also of the client', async () => {
    const lines = await forwarded(get('X-Forwarded-Proto: ftp\r\n'), [
      {
        type: 'requestHeaders',
        set: { 'X-Forwarded-Proto': 'https' },
        add: {},
        remove: ['x-forwarded-port', 'traceparent'],
      },
    ])
    expect(valueOf(lines, 'X-Forwarded-Proto')).toEqual(['https'])
    expect(valueOf(lines, 'X-Forwarded-Port')).toEqual([])
    expect(valueOf(lines, 'traceparent')).toEqual([])
    expect(valueOf(lines, 'X-Forwarded-For')).toEqual(['127.0.0.1'])
    expect(valueOf(lines, 'X-Forwarded-Host')).toEqual(['example.org:81'])
  })

  it('is believed on a mesh listener what it says of the client', async () => {
    const mesh: Listener = { kind: 'mesh', name: 'mesh', address: edge.address, service: 'web' }
    const lines = await forwarded(get('X-Forwarded-For: 10.0.0.9\r\n', '/no/route/needed'), [], mesh)
    expect(valueOf(lines, 'X-Forwarded-For')).toEqual(['10.0.0.9'])
    expect(valueOf(lines, 'X-Forwarded-Proto')).toEqual([])
  })

  it('comes in a head that arrived a byte at a time', async () => {
    const upstream = await rawServer(
      answering((head) => `HTTP/1.1 200 OK\r\nContent-Length: ${head.length}\r\n\r\n${head}`),
    )
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    for (const byte of get('A: b\r\n', '/slow')) {
      client.send(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await client.until((text) => text.includes('traceparent') && text.endsWith('\r\n\r\n'))).toContain(
      'GET /slow HTTP/1.1',
    )
  })
})

/** What the client gets when the upstream answers so and ends. */
async function responded(reply: string, request = get(''), filters: readonly RouteFilter[] = []): Promise<string> {
  const upstream = await rawServer(
    answering((_, socket) => {
      socket.end(Buffer.from(reply, 'latin1'))
      return ''
    }),
  )
  const { port } = await serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/', { filters })],
  })
  // The second request is refused, so that the connection ends: what came before that is the first answer, whole.
  const text = await exchange(port, `${request}refuse this\r\n\r\n`)
  const refusal = text.indexOf('HTTP/1.1 400 ')
  return refusal === -1 ? text : text.slice(0, refusal)
}

describe('the response that goes to the client', () => {
  it('keeps its status, reason, headers and body, without hop-by-hop headers', async () => {
    const text = await responded(
      'HTTP/1.1 418 Short and stout\r\nDate: D\r\nA: 1\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 3\r\n\r\nabc',
    )
    expect(text).toBe(
      'HTTP/1.1 418 Short and stout\r\nDate: D\r\nA: 1\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 3\r\n\r\nabc',
    )
  })

  it('gets a Date when it has none', async () => {
    expect(await responded('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')).toMatch(
      /\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n/,
    )
  })

  it('is framed anew when its upstream frames it by closing', async () => {
    const text = await responded('HTTP/1.1 200 OK\r\nDate: D\r\n\r\nhello')
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n[0-9a-f]+\r\n/)
    expect(text).toMatch(/\r\n0\r\n\r\n$/)
    expect(text.replace(/\r\n0*[0-9a-f]\r\n/g, '')).toContain('hello')
  })

  it('ends with the connection for an HTTP/1.0 client that could not know its end otherwise', async () => {
    const old = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
    const chunked = 'HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
    expect(await responded(chunked, old)).toBe('HTTP/1.1 200 OK\r\nDate: D\r\nConnection: close\r\n\r\nhello')
    expect(await responded('HTTP/1.0 200 OK\r\nDate: D\r\n\r\nhello', old)).toBe(
      'HTTP/1.1 200 OK\r\nDate: D\r\nConnection: close\r\n\r\nhello',
    )
  })

  it('has no body after HEAD, 204 and 304, whatever its headers say', async () => {
    const head = await responded(
      'HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 5\r\n\r\n',
      'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n',
    )
    expect(head).toBe('HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 5\r\n\r\n')
    expect(await responded('HTTP/1.1 204 No Content\r\nDate: D\r\nContent-Length: 5\r\n\r\n')).toBe(
      'HTTP/1.1 204 No Content\r\nDate: D\r\n\r\n',
    )
    expect(await responded('HTTP/1.1 304 Not Modified\r\nDate: D\r\nContent-Length: 5\r\n\r\n')).toBe(
      'HTTP/1.1 304 Not Modified\r\nDate: D\r\nContent-Length: 5\r\n\r\n',
    )
  })

  it('comes after the interim responses, which HTTP/1.0 clients do not get', async () => {
    const replies =
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 2\r\n\r\nok'
    expect(await responded(replies)).toBe(replies)
    expect(await responded(replies, 'GET / HTTP/1.0\r\n\r\n')).toBe(
      'HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
    )
  })

  it('is edited as the route says', async () => {
    const text = await responded(
      'HTTP/1.1 200 OK\r\nDate: D\r\nServer: secret\r\nA: 1\r\nContent-Length: 0\r\n\r\n',
      get(''),
      [{ type: 'responseHeaders', set: { A: '2' }, add: {}, remove: ['server'] }],
    )
    expect(text).toBe('HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 0\r\nA: 2\r\n\r\n')
  })

  it('is the gateway’s own for a redirect', async () => {
    const text = await responded('', get('', '/a?b'), [
      { type: 'redirect', scheme: 'https', host: 'new.org', port: null, path: null, status: 308 },
    ])
    expect(text).toMatch(/^HTTP\/1\.1 308 Permanent Redirect\r\n/)
    expect(text).toContain('\r\nLocation: https://new.org/a?b\r\n')
  })
})

describe('one client connection', () => {
  it('serves requests one after the other over one upstream connection', async () => {
    let count = 0
    const upstream = await rawServer(answering(() => `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${++count}`))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    for (let turn = 1; turn <= 3; turn++) {
      client.send(get(''))
      await client.until((text) => text.endsWith(`\r\n\r\n${turn}`))
    }
    expect(upstream.sockets).toHaveLength(1)
  })

  it('answers pipelined requests in order, asking one at a time', async () => {
    let open = 0
    let most = 0
    const upstream = await httpServer((request, response) => {
      most = Math.max(most, ++open)
      request.resume()
      setTimeout(() => {
        open--
        response.end(`<${request.url}>`)
      }, Math.random() * 5)
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    const all = Array.from({ length: 30 }, (_, index) =>
      index % 3 === 0
        ? `POST /${index} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`
        : `GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`,
    ).join('')
    // In uneven pieces, so that requests are cut anywhere.
    for (let at = 0; at < all.length; at += 97) {
      client.send(all.slice(at, at + 97))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const text = await client.until((received) => received.includes('</29>'))
    expect([...text.matchAll(/<\/(\d+)>/g)].map((match) => Number(match[1]))).toEqual(
      Array.from({ length: 30 }, (_, index) => index),
    )
    expect(most).toBe(1)
  })

  it('answers many pipelined requests that the gateway answers itself', async () => {
    const { port } = await serve({ endpoints: [], routes: [] })
    const client = new Client(port)
    client.send(get('').repeat(2000))
    const text = await client.until((received) => (received.match(/HTTP\/1\.1 404/g)?.length ?? 0) >= 2000)
    expect(text.match(/HTTP\/1\.1 404/g)).toHaveLength(2000)
  })

  it('is closed after the answer when the client asks for that', async () => {
    const upstream = await rawServer(answering(() => ok))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    expect(await exchange(port, get('Connection: close\r\n'))).toMatch(/\r\nConnection: close\r\n\r\nok$/)
    expect(await exchange(port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/\r\nConnection: close\r\n\r\nok$/)
  })

  it('stays open for an HTTP/1.0 client that asks for that', async () => {
    const upstream = await rawServer(answering(() => ok))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    expect(await client.until((text) => text.endsWith('ok'))).toContain('\r\nConnection: keep-alive\r\n')
    client.send('GET / HTTP/1.0\r\n\r\n')
    expect(await client.ended()).toMatch(/\r\nConnection: close\r\n\r\nok$/)
  })

  it('gets its answer also when the client has ended its sending', async () => {
    const upstream = await httpServer((_, response) => void setTimeout(() => response.end('late'), 50))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send(get(''))
    client.socket.end()
    expect(await client.ended()).toMatch(/late$/)
  })
})

describe('beside the traffic', () => {
  it('logs and counts each exchange', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pando-log-'))
    cleanUp(() => rm(folder, { recursive: true }))
    const path = join(folder, 'access.jsonl')
    const upstream = await rawServer(answering(() => ok))
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)], accessLog: path })
    await exchange(port, get('Connection: close\r\nX-Request-Id: mine\r\n', '/a%7e?secret'))
    await exchange(port, 'GET /other HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n')
    await plane.apply(table({ endpoints: [] }))
    await eventually(() => plane.inFlight().size === 0)
    let lines: Record<string, unknown>[] = []
    while (lines.length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      lines = (await readFile(path, 'utf8'))
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    }
    expect(lines[0]).toMatchObject({
      client: '127.0.0.1',
      method: 'GET',
      host: 'example.org:81',
      path: '/a~',
      status: 200,
      responseBytes: 2,
      route: 'web/0',
      service: 'web',
      endpoint: `web-${upstream.port}`,
      requestId: 'mine',
    })
    expect(lines[1]).toMatchObject({ path: '/other', status: 200 })
    const requests = plane.metrics().families.find((family) => family.name === 'pando_gateway_requests_total')
    const served = requests?.series.find(({ labels }) => labels['code_class'] === '2xx' && labels['service'] === 'web')
    expect(served?.values).toEqual([2])
  })

  it('names who holds the port of a listener', async () => {
    const taken = await rawServer(() => {})
    const { plane } = await serve({ endpoints: [] })
    const listeners: Listener[] = [
      edge,
      { kind: 'edge', name: 'second', address: { host: '127.0.0.1', port: taken.port } },
    ]
    const before = portOf(plane, 'edge')
    const errors = await plane.apply(table({ endpoints: [], listeners }))
    expect(Object.keys(errors)).toEqual(['second'])
    expect(errors['second']).toContain(`127.0.0.1:${taken.port}`)
    expect(portOf(plane, 'edge')).toBe(before)
  })
})

it('an HTTP/1.0 client is told that its connection is kept also by the gateway’s own answers', async () => {
  const { port } = await serve({ endpoints: [], routes: [route('web/0', 'web', '/web')] })
  const client = new Client(port)
  for (let turn = 1; turn <= 2; turn++) {
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    const text = await client.until((received) => received.split('"no_route"').length > turn)
    expect(text.match(/\r\nConnection: [^\r]+/g)).toEqual(
      Array.from({ length: turn }, () => '\r\nConnection: keep-alive'),
    )
  }
  expect(await exchange(port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/\r\nConnection: close\r\n/)
  const other = await exchange(
    port,
    'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  expect(other.match(/\r\nConnection: /g)).toHaveLength(1)
})
