import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { brotliDecompressSync, constants, gunzipSync } from 'node:zlib'
import type { CompressionSpec, GatewayConfig } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { type Answer, ask, http2Service, session } from './http2-client.js'
import { endpoint, eventually, httpServer, route, serve } from './plane.js'

const compress: CompressionSpec = {
  codings: ['br', 'gzip'],
  types: ['application/json', 'application/grpc', 'text/*'],
  minBytes: 100,
}
const routes = [route('web/0', 'web', '/', { compress })]
const textOf = (count: number): string =>
  JSON.stringify(Array.from({ length: count }, (_, id) => ({ id, name: `name ${id % 7}` })))
/** What is compressed at once, read by read, and in zlib's threads. */
const bodies = { small: textOf(300), medium: textOf(3_000), large: textOf(30_000) }
const bodyFor = (path: string): string => bodies[/small|medium|large/.exec(path)?.[0] as keyof typeof bodies]
const decompress = { br: brotliDecompressSync, gzip: gunzipSync }
const json = { ':status': 200, 'content-type': 'application/json', etag: '"v1"' }

async function serveHttp2(
  onStream: (stream: ServerHttp2Stream, path: string) => void,
  protocol: GatewayConfig['services'][number]['protocol'] = 'h2c',
) {
  const service = await http2Service((stream, headers) => onStream(stream, String(headers[':path'])))
  const services: GatewayConfig['services'] = [{ name: 'web', protocol, balancer: 'round_robin' }]
  return serve({ endpoints: [endpoint('web', service.port)], services, routes })
}

function respondWithTrailers(stream: ServerHttp2Stream, path: string): void {
  const body = bodyFor(path)
  const length = path.endsWith('length') ? { 'content-length': body.length } : {}
  stream.respond({ ...json, ...length }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }))
  stream.end(body)
}

function fetchOver1(port: number, path: string, coding: string): Promise<IncomingMessage & { text?: Buffer }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers: { 'accept-encoding': coding }, agent: false }, resolve)
      .on('error', reject)
      .end()
  })
}

async function bodyOf(response: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const nothing = (): void => {}
const paths = ['/small', '/small-length', '/medium', '/medium-length', '/large', '/large-length'] as const
const cases = paths.flatMap((path) => (['br', 'gzip'] as const).map((coding) => [path, coding] as const))

describe('an answer of a service that speaks HTTP/2', () => {
  it.each(cases)(
    '%s is given in %s to clients of either protocol, its trailers where they are known',
    async (path, coding) => {
      const { port } = await serveHttp2(respondWithTrailers)
      const wanted = bodyFor(path)
      const head = { 'content-encoding': coding, etag: 'W/"v1"', vary: 'Accept-Encoding' }

      const over2: Answer = await ask(session(port), { ':path': path, 'accept-encoding': coding })
      expect(over2.head).toMatchObject(head)
      expect(over2.head['content-length']).toBeUndefined()
      expect(decompress[coding](over2.body).toString()).toBe(wanted)
      expect(over2.body.length).toBeLessThan(wanted.length / 4)
      expect(over2.trailers).toMatchObject({ 'x-sum': '1' })

      const over1 = await fetchOver1(port, path, coding)
      expect(over1.headers).toMatchObject({ ...head, 'transfer-encoding': 'chunked' })
      expect(decompress[coding](await bodyOf(over1)).toString()).toBe(wanted)
    },
  )

  it('is passed on as far as it has come while more is waited for', async () => {
    let finish = nothing
    const { port } = await serveHttp2((stream) => {
      stream.respond(json)
      stream.write('the first part')
      finish = () => stream.end(' and the last')
    })
    const stream = session(port).request({ ':path': '/', 'accept-encoding': 'gzip' })
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    const text = (): string => {
      try {
        return gunzipSync(Buffer.concat(chunks), { finishFlush: constants.Z_SYNC_FLUSH }).toString()
      } catch {
        return ''
      }
    }
    await eventually(() => text() === 'the first part')
    finish()
    await eventually(() => text() === 'the first part and the last')
    await eventually(() => stream.readableEnded)
    expect(stream.rstCode).toBe(0)
  })

  it('is read no faster than its client reads, while others on the connection go on', async () => {
    let written = 0
    let isClosed = false
    const noise = Buffer.alloc(65_536)
    const { port } = await serveHttp2((stream, path) => {
      if (path !== '/endless') {
        respondWithTrailers(stream, path)
        return
      }
      stream.respond({ ...json, 'content-type': 'text/plain' })
      stream.on('close', () => (isClosed = true))
      const more = (): void => {
        while (!stream.destroyed) {
          for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE((Math.random() * 2 ** 32) >>> 0, at)
          written += noise.length
          if (!stream.write(noise)) return void stream.once('drain', more)
        }
      }
      more()
    })
    const response = await fetchOver1(port, '/endless', 'gzip')
    response.pause()
    let last = -1
    // It has stalled when nothing more was taken for a while.
    for (let still = 0; still < 20; await new Promise((resolve) => setTimeout(resolve, 25))) {
      still = written === last ? still + 1 : 0
      last = written
    }
    expect(written).toBeLessThan(32 * 1_048_576)
    const other = await fetchOver1(port, '/small', 'gzip')
    expect(gunzipSync(await bodyOf(other)).toString()).toBe(bodies.small)
    expect(isClosed).toBe(false)
    response.destroy()
    await eventually(() => isClosed)
  })

  it.each(['/small-length', '/medium', '/large'])(
    'is seen to be cut where the connection of the service breaks: %s',
    async (path) => {
      const { port, plane } = await serveHttp2((stream) => {
        const body = path === '/large' ? bodies.large : bodies.small
        stream.respond({ ...json, ...(path === '/large' ? {} : { 'content-length': body.length }) })
        stream.write(body.slice(0, -1), () => stream.session?.destroy())
      })
      const stream = session(port).request({ ':path': path, 'accept-encoding': 'gzip' })
      stream.on('error', () => {}).resume()
      await new Promise((resolve) => stream.on('close', resolve))
      expect(stream.rstCode).toBe(2)
      await expect(fetchOver1(port, path, 'gzip').then(bodyOf)).rejects.toThrow(/aborted|socket hang up|ECONNRESET/)
      const cut = plane.metrics().families.find(({ name }) => name === 'pando_gateway_answers_cut_total')
      expect(cut?.series[0]?.values).toEqual([2])
    },
  )

  it('has the head that GET would have but for its coding where HEAD is asked, and no body', async () => {
    const { port } = await serveHttp2((stream) => {
      stream.respond({ ...json, 'content-length': 5_000 }, { endStream: true })
    })
    const answer = await ask(session(port), { ':method': 'HEAD', ':path': '/', 'accept-encoding': 'gzip' })
    expect(answer.head).toMatchObject({ 'content-length': '5000', etag: '"v1"', vary: 'Accept-Encoding' })
    expect(answer.head['content-encoding']).toBeUndefined()
    expect(answer.body).toHaveLength(0)
  })
})

describe('a call of gRPC', () => {
  it('is left as it is, whatever its types are', async () => {
    const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 200]), Buffer.alloc(200, 'x')])
    const { port } = await serveHttp2((stream, path) => {
      const type = path === '/json' ? 'application/json' : 'application/grpc'
      stream.respond({ ':status': 200, 'content-type': type }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(message)
    }, 'grpc')
    for (const path of ['/pack.Service/Method', '/json']) {
      const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
      const answer = await ask(session(port), { ...head, 'accept-encoding': 'gzip' }, message)
      expect(answer.head['content-encoding']).toBeUndefined()
      expect(answer.body.equals(message)).toBe(true)
      expect(answer.trailers['grpc-status']).toBe('0')
    }
  })
})

it('clients of HTTP/2 get what services of HTTP/1.1 answer compressed, of any size', async () => {
  const service = await httpServer((asked, response) => {
    const body = bodyFor(asked.url ?? '')
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  })
  const { port } = await serve({ endpoints: [endpoint('web', service.port)], routes })
  const client = session(port)
  for (const [name, body] of Object.entries(bodies)) {
    const answer = await ask(client, { ':path': `/${name}`, 'accept-encoding': 'gzip' })
    expect(answer.head['content-encoding']).toBe('gzip')
    expect(gunzipSync(answer.body).toString()).toBe(body)
  }
})

it('a client of HTTP/2 that lets its windows be filled gets the rest when it opens them', async () => {
  // Larger than its windows also when it is compressed, and smaller than what is compressed in threads.
  const noise = randomBytes(120_000).toString('latin1')
  const service = await httpServer((asked, response) => {
    const length = asked.url === '/length' ? { 'content-length': noise.length } : {}
    response.writeHead(200, { 'content-type': 'text/plain', ...length })
    for (let at = 0; at < noise.length; at += 30_000) response.write(noise.slice(at, at + 30_000), 'latin1')
    response.end()
  })
  const { port } = await serve({ endpoints: [endpoint('web', service.port)], routes })
  for (const path of ['/length', '/chunks']) {
    const stream = session(port).request({ ':path': path, 'accept-encoding': 'gzip' })
    stream.once('readable', () => {})
    await eventually(() => stream.readableLength >= 16_384)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(gunzipSync(await bodyOf(stream)).toString('latin1') === noise).toBe(true)
  }
})
