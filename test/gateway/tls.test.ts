import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectPlain } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { HttpDataPlane, Policies } from '@pando/gateway'
import type { CertificateFiles, Listener, ListenerTls } from '@pando/model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateFolder, days } from '../support/certificates.js'
import { until } from '../support/condition.js'
import { cleanUp, Client, endpoint, httpServer, portOf, rawServer, serve, table } from './plane.js'

let folder: CertificateFolder

beforeAll(async () => {
  folder = await CertificateFolder.make()
})
afterAll(() => folder.remove())

const name = 'edge/tls'

function listenerOf(certificates: readonly CertificateFiles[], extra: Partial<ListenerTls> = {}): Listener {
  const tls: ListenerTls = {
    certificates,
    minVersion: '1.2',
    clientAuth: null,
    alpn: ['http/1.1'],
    ...extra,
  }
  return { kind: 'edge', name, address: { host: '127.0.0.1', port: 0 }, tls }
}

/** A connection that is encrypted; what comes over it is gathered. */
async function open(port: number, options: ConnectionOptions = {}): Promise<{ socket: TLSSocket; text: () => string }> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'shop.test', ca: folder.authority.cert, ...options })
  cleanUp(() => socket.destroy())
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return { socket, text: () => received }
}

async function ask(port: number, head: string, options: ConnectionOptions = {}): Promise<string> {
  const { socket, text } = await open(port, options)
  socket.write(`${head}\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  return text()
}

const get = 'GET / HTTP/1.1\r\nHost: shop.test'

/** A service that answers with the head that it was asked with. */
async function echo(): Promise<number> {
  const { port } = await httpServer((request, response) => response.end(JSON.stringify(request.headers)))
  return port
}

const headersIn = (answer: string): Record<string, string> => JSON.parse(answer.slice(answer.indexOf('{')))

describe('an encrypted listener', () => {
  it('serves requests and tells services how they came', async () => {
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const { port } = await serve({ endpoints: [endpoint('web', await echo())], listeners: [listener] })
    const seen = headersIn(await ask(port, `${get}\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Client-Cert: Hash=00`))
    expect(seen['x-forwarded-proto']).toBe('https')
    expect(seen['x-forwarded-port']).toBe(String(port))
    expect(seen['x-forwarded-client-cert']).toBeUndefined()
  })

  it('shows the certificate of the name that is asked for, else the first', async () => {
    const certificates = [
      await folder.put('a', ['a.test']),
      await folder.put('b', ['b.test']),
      await folder.put('wild', ['*.b.test']),
    ]
    const { port } = await serve({ endpoints: [], listeners: [listenerOf(certificates)] })
    const shown = async (servername: string): Promise<string | undefined> => {
      const { socket } = await open(port, { servername, checkServerIdentity: () => undefined })
      return socket.getPeerX509Certificate()?.subject
    }
    expect(await shown('a.test')).toBe('CN=a.test')
    expect(await shown('b.test')).toBe('CN=b.test')
    expect(await shown('x.b.test')).toBe('CN=any.b.test')
    expect(await shown('x.y.b.test')).toBe('CN=a.test')
    expect(await shown('')).toBe('CN=a.test')
  })

  it('carries bodies of megabytes both ways, to a client that reads slowly', async () => {
    const megabytes = 24
    const { port: service } = await httpServer((request, response) => request.pipe(response))
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const { port } = await serve({ endpoints: [endpoint('web', service)], listeners: [listener] })
    const { socket } = await open(port)
    socket.pause()
    const piece = Buffer.alloc(1_048_576, 'pando')
    socket.write(`POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: ${piece.length * megabytes}\r\n`)
    socket.write('Connection: close\r\n\r\n')
    for (let index = 0; index < megabytes; index++) socket.write(piece)
    let received = 0
    let tail = Buffer.alloc(0)
    socket.removeAllListeners('data')
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      tail = Buffer.concat([tail, chunk]).subarray(-1_000)
      socket.pause()
      setImmediate(() => socket.resume())
    })
    socket.resume()
    await once(socket, 'close')
    expect(received).toBeGreaterThan(megabytes * piece.length)
    expect(tail.toString()).toContain('pandopandopando')
  })

  it('carries a WebSocket, and lets it go on in a drain', async () => {
    const upstream = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        socket.on('data', (chunk) => socket.write(chunk))
        socket.on('end', () => socket.end())
      })
    })
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)], listeners: [listener] })
    const { socket, text } = await open(port)
    socket.write(`${get}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
    await until('the switch is answered', () => text().includes('\r\n\r\n'))
    const closed = plane.close(5_000)
    socket.write('over and over')
    await until('it came back', () => text().endsWith('over and over'))
    socket.end()
    await closed
    expect(plane.connections).toBe(0)
  })

  it('breaks an answer off that is not whole, so that the client can tell', async () => {
    const upstream = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
        setTimeout(() => socket.destroy(), 50)
      })
    })
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], listeners: [listener] })
    const { socket, text } = await open(port)
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.on('error', resolve))
    socket.write(`${get}\r\n\r\n`)
    expect((await failed).code).toBe('ECONNRESET')
    expect(text()).toContain('half')
  })

  it('speaks neither old versions nor weak ciphers, and does not renegotiate', async () => {
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const { port } = await serve({ endpoints: [], listeners: [listener] })
    const fails = async (options: ConnectionOptions): Promise<string> => {
      try {
        await open(port, options)
        return 'it was served'
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? String(error)
      }
    }
    const old = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    expect(await fails({ ...old, maxVersion: 'TLSv1.1' })).toMatch(/ERR_SSL|ECONNRESET/)
    expect(await fails({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' })).toMatch(/ERR_SSL|ECONNRESET/)
    const { socket } = await open(port, { maxVersion: 'TLSv1.2' })
    const refused = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
    socket.renegotiate({}, () => {})
    expect((await refused).code).toBe('ERR_SSL_NO_RENEGOTIATION')
  })

  it('speaks 1.3 only where that is asked', async () => {
    const listener = listenerOf([await folder.put('shop', ['shop.test'])], { minVersion: '1.3' })
    const { port } = await serve({ endpoints: [], listeners: [listener] })
    await expect(open(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/)
    expect((await open(port)).socket.getProtocol()).toBe('TLSv1.3')
  })

  it('offers HTTP/1.1, and ends with a client that speaks nothing of what it offers', async () => {
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const { port } = await serve({ endpoints: [], listeners: [listener] })
    expect((await open(port, { ALPNProtocols: ['h2', 'http/1.1'] })).socket.alpnProtocol).toBe('http/1.1')
    await expect(open(port, { ALPNProtocols: ['spdy/1'] })).rejects.toThrow(/no application protocol/)
  })

  it('goes on with a session that another worker began', async () => {
    const tls = listenerOf([await folder.put('shop', ['shop.test'])])
    const keys = Buffer.alloc(48, 7)
    const ports: number[] = []
    for (let index = 0; index < 2; index++) {
      const plane = new HttpDataPlane()
      plane.setTicketKeys(keys)
      ports.push((await serve({ endpoints: [], listeners: [tls] }, plane)).port)
    }
    const first = await open(ports[0] ?? 0, { maxVersion: 'TLSv1.2' })
    const session = first.socket.getSession()
    expect(session).toBeDefined()
    const again = await open(ports[1] ?? 0, { maxVersion: 'TLSv1.2', ...(session && { session }) })
    expect(again.socket.isSessionReused()).toBe(true)
  })

  it('serves who comes while more than a thousand clients begin handshakes and say nothing', async () => {
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const options = { endpoints: [endpoint('web', await echo())], listeners: [listener] }
    const { plane, port } = await serve({ ...options, limits: { maxConnections: 5_000 } })
    let closed = 0
    for (let index = 0; index < 1_100; index++) {
      const socket = connectPlain(port, '127.0.0.1').on('error', () => {})
      socket.on('close', () => closed++).resume()
      cleanUp(() => socket.destroy())
    }
    await until('the first make way', () => closed >= 76)
    expect(plane.connections).toBe(1_024)
    expect(await ask(port, get)).toContain('200 OK')
    expect(closed).toBeLessThan(80)
  })

  it('lets go of a client that says nothing, and of one that does not speak TLS', async () => {
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const options = { endpoints: [], listeners: [listener], limits: { headTimeoutMs: 300 } }
    const { plane, port } = await serve(options)
    const silent = connectPlain(port, '127.0.0.1')
    const wrong = connectPlain(port, '127.0.0.1')
    for (const socket of [silent, wrong]) socket.on('error', () => {}).resume()
    wrong.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await Promise.all([once(silent, 'close'), once(wrong, 'close')])
    await until('nothing is open', () => plane.connections === 0)
    const [failed] = plane.metrics().families.filter((family) => family.name.includes('handshakes_failed'))
    expect(failed?.series[0]?.values[0]).toBe(2)
  })
})

describe('plain HTTP on an encrypted port', () => {
  it.each([
    ['GET', 'GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n'],
    ['HEAD', 'HEAD / HTTP/1.0\r\n\r\n'],
    ['CONNECT', 'CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n'],
    ['POST, whose body has only begun', `POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n${'a'.repeat(20_000)}`],
  ])('is told to come encrypted: %s', async (_name, text) => {
    const listener = listenerOf([await folder.put('shop', ['shop.test'])])
    const { plane, port } = await serve({ endpoints: [], listeners: [listener] })
    const client = new Client(port)
    client.send(text)
    await client.ended()
    expect(client.received).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\nConnection: close\r\n\r\n\{[^]*"reason":"plain_http"/,
    )
    expect(client.received).toContain('https://')
    await until('nothing is open', () => plane.connections === 0)
  })

  // What else OpenSSL takes for HTTP depends on its version: DELETE from 3.5 on, which comes with Node 22.
  it.each([['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], ['\0\0\0\0\0']])(
    'or what else is no handshake is told nothing: %j',
    async (text) => {
      const listener = listenerOf([await folder.put('shop', ['shop.test'])])
      const { plane, port } = await serve({ endpoints: [], listeners: [listener] })
      const client = new Client(port)
      client.send(text)
      await client.ended()
      expect(client.received).not.toContain('HTTP')
      await until('nothing is open', () => plane.connections === 0)
    },
  )
})

describe('the way from the plain port', () => {
  it.each([
    ['/a/b?c=d%20e', 8443, 'https://127.0.0.1:8443/a/b?c=d%20e'],
    ['/', 443, 'https://127.0.0.1/'],
  ])('sends %s to port %i with 308', async (path, redirectPort, expected) => {
    const plain: Listener = { kind: 'edge', name: 'edge', address: { host: '127.0.0.1', port: 0 }, redirectPort }
    const { plane } = await serve({ endpoints: [], listeners: [plain] })
    const url = `http://127.0.0.1:${portOf(plane, 'edge')}${path}`
    const response = await fetch(url, { method: 'POST', body: 'x', redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([308, expected])
  })

  it('comes and goes with the table, without a new socket', async () => {
    const plain: Listener = { kind: 'edge', name: 'edge', address: { host: '127.0.0.1', port: 0 } }
    const options = { endpoints: [endpoint('web', await echo())] }
    const { plane, port } = await serve({ ...options, listeners: [plain] })
    const status = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' })).status
    expect(await status()).toBe(200)
    await plane.apply(table({ ...options, listeners: [{ ...plain, redirectPort: 443 }] }))
    expect(await status()).toBe(308)
    await plane.apply(table({ ...options, listeners: [plain] }))
    expect(await status()).toBe(200)
  })
})

describe('certificates that change', () => {
  it('are shown without a restart; what cannot be used leaves the one before, and is told', async () => {
    const files = await folder.put('moving', ['shop.test'])
    const { plane, port } = await serve({
      endpoints: [endpoint('web', await echo())],
      listeners: [listenerOf([files])],
    })
    const serial = async () => (await open(port)).socket.getPeerX509Certificate()?.serialNumber
    const kept = await open(port)
    const first = await serial()
    writeFileSync(files.cert, 'nothing of the kind')
    const isTold = () => JSON.stringify(plane.warnings()).includes('the one that was read before stays')
    await until('it is told', isTold)
    expect(await serial()).toBe(first)
    await folder.put('moving', ['shop.test'])
    await until('nothing is amiss', () => plane.warnings()[name] === undefined)
    expect(await serial()).not.toBe(first)
    kept.socket.write(`${get}\r\nConnection: close\r\n\r\n`)
    await once(kept.socket, 'close')
    expect(kept.text()).toContain('200 OK')
  }, 40_000)

  it('that are not there are waited for; until then nothing is served', async () => {
    const files = folder.files('late')
    const { plane, port } = await serve({ endpoints: [], listeners: [listenerOf([files])] })
    await expect(open(port)).rejects.toThrow(/disconnected|ECONNRESET/)
    expect(plane.warnings()[name]?.[0]).toBe(
      `the certificate in ${files.cert} is not used: there is no file ${files.cert}`,
    )
    await folder.put('late', ['shop.test'])
    await until('nothing is amiss', () => plane.warnings()[name] === undefined)
    expect((await open(port)).socket.authorized).toBe(true)
  }, 40_000)

  it.each([
    ['has expired', () => folder.put('old', ['shop.test'], days(-20, -1)), /has expired on \d{4}-\d\d-\d\d/],
    ['is for no host', () => folder.put('nameless', []), /is for no host: its subjectAltName has none/],
    ['is for later', () => folder.put('new', ['shop.test'], days(2, 20)), /is not valid before/],
    [
      'ends soon',
      () => folder.put('short', ['shop.test'], days(-89, 1)),
      /expires on .*, in less than a day|in 0 days/,
    ],
  ])('that %s are served with a warning', async (_, put, expected) => {
    const { plane, port } = await serve({ endpoints: [], listeners: [listenerOf([await put()])] })
    expect(plane.warnings()[name]?.join()).toMatch(expected)
    await open(port, { rejectUnauthorized: false })
  })

  it('whose key is another one, or open to all, are told', async () => {
    const files = await folder.put('open', ['shop.test'])
    chmodSync(files.key, 0o644)
    const other = await folder.put('other', ['other.test'])
    const mixed = { cert: files.cert, key: other.key }
    const { plane } = await serve({ endpoints: [], listeners: [listenerOf([files, mixed])] })
    expect(plane.warnings()[name]).toEqual([
      `the key ${files.key} may be read by every user of this machine`,
      `the certificate in ${files.cert} is not used: the key belongs to another certificate`,
    ])
  })
})

const clientOf = (subject: string, extra = {}) => folder.issue([], { subject, usage: 'client', ...extra })

async function serveAuth(mode: 'require' | 'request'): Promise<number> {
  const certificates = [await folder.put('shop', ['shop.test'])]
  const listener = listenerOf(certificates, { clientAuth: { ca: folder.ca, mode } })
  return (await serve({ endpoints: [endpoint('web', await echo())], listeners: [listener] })).port
}

describe('client certificates', () => {
  it('are told to services, and nothing that a client says of itself', async () => {
    const port = await serveAuth('require')
    const client = await clientOf('O=Pando,CN=alice')
    const answer = await ask(port, `${get}\r\nX-Forwarded-Client-Cert: Hash=00;Subject="CN=root"`, client)
    const line = headersIn(answer)['x-forwarded-client-cert'] ?? ''
    expect(line).toMatch(/^Hash=[0-9a-f]{64};Subject="O=Pando,CN=alice"$/)
  })

  it.each([
    ['none', async () => ({}), 'without a client certificate'],
    ['one of its own', async () => clientOf('CN=eve', { issuer: null }), 'cannot be trusted'],
    ['one that has expired', async () => clientOf('CN=old', days(-20, -1)), 'CERT_HAS_EXPIRED'],
    ['one that is for servers', async () => clientOf('CN=web', { usage: 'server' }), 'INVALID_PURPOSE'],
  ])('are required: %s is refused, and why is said', async (_, client, expected) => {
    const answer = await ask(await serveAuth('require'), get, await client())
    expect(answer).toContain('403 Forbidden')
    expect(answer).toContain('"reason":"client_certificate"')
    expect(answer).toContain(expected)
    expect(headersIn(answer)['retry-after']).toBeUndefined()
  })

  it('are required over HTTP/2, too: every request is refused with its reason, and the connection ends', async () => {
    const certificates = [await folder.put('shop', ['shop.test'])]
    const clientAuth = { ca: folder.ca, mode: 'require' } as const
    const listener = listenerOf(certificates, { clientAuth, alpn: ['h2', 'http/1.1'] })
    const { port } = await serve({ endpoints: [endpoint('web', await echo())], listeners: [listener] })
    const client = await clientOf('CN=eve', { issuer: null })
    const trust = { servername: 'shop.test', rejectUnauthorized: false }
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ...trust, ...client })
    cleanUp(() => session.destroy())
    const goaway = once(session, 'goaway')
    const request = session.request({ ':path': '/', ':method': 'POST' })
    request.end('a body')
    const [head] = await once(request, 'response')
    expect(head[':status']).toBe(403)
    const answer = Buffer.concat(await request.toArray()).toString()
    expect(JSON.parse(answer)).toMatchObject({
      reason: 'client_certificate',
      detail: expect.stringContaining('trusted'),
    })
    await goaway
  })

  it('are requested: a client without one is served, one that cannot be trusted is not', async () => {
    const port = await serveAuth('request')
    const answer = await ask(port, get)
    expect(headersIn(answer)['x-forwarded-client-cert']).toBeUndefined()
    expect(await ask(port, get, await clientOf('CN=eve', { issuer: null }))).toContain('403 Forbidden')
    expect(headersIn(await ask(port, get, await clientOf('CN=bob')))['x-forwarded-client-cert']).toContain('CN=bob')
  })

  it('are who asks, to policies, over HTTP/1.1 and HTTP/2 alike', async () => {
    const seen: unknown[] = []
    const check = ({ identity }: { identity: unknown }) => {
      seen.push(identity)
      return null
    }
    const kind = { configure: () => {}, of: () => [{ name: 'look', phase: 'limit' as const, check }], close: () => {} }
    const certificates = [await folder.put('shop', ['shop.test'])]
    const clientAuth = { ca: folder.ca, mode: 'request' } as const
    const listener = listenerOf(certificates, { clientAuth, alpn: ['h2', 'http/1.1'] })
    const plane = new HttpDataPlane({ policies: new Policies([kind]) })
    const { port } = await serve({ endpoints: [endpoint('web', await echo())], listeners: [listener] }, plane)
    const client = await clientOf('CN=alice')
    await ask(port, get, client)
    await ask(port, get)
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      ca: folder.ca,
      servername: 'shop.test',
      ...client,
      rejectUnauthorized: false,
    })
    cleanUp(() => session.destroy())
    const request = session.request({ ':path': '/' }).resume()
    await once(request, 'end')
    expect(seen).toMatchObject([
      { kind: 'certificate', subject: 'CN=alice' },
      null,
      { kind: 'certificate', subject: 'CN=alice' },
    ])
  })

  it('are asked for again in a session that goes on', async () => {
    const port = await serveAuth('require')
    const client = await clientOf('CN=alice')
    const first = await open(port, { ...client, maxVersion: 'TLSv1.2' })
    const session = first.socket.getSession()
    const again = await ask(port, get, { maxVersion: 'TLSv1.2', ...(session && { session }) })
    expect(headersIn(again)['x-forwarded-client-cert']).toContain('CN=alice')
  })
})
