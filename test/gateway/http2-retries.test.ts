import { once } from 'node:events'
import { createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { defaultResilience } from '@pando/model'
import { expect, it } from 'vitest'
import { cleanUp, endpoint, exchange, route, serve } from './plane.js'

const request = (method = 'GET', lines = ''): string =>
  `${method} /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`

/** A service that speaks HTTP/2, until the end of the test. */
async function framedServer(answer: (stream: ServerHttp2Stream, count: number) => void): Promise<number> {
  let count = 0
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    answer(stream, ++count)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(() => void server.close())
  return (server.address() as AddressInfo).port
}

async function gatewayTo(ports: readonly number[], more: object): Promise<number> {
  const { port } = await serve({
    endpoints: ports.map((one) => endpoint('web', one)),
    routes: [route('web/0', 'web', '/', more)],
    services: [
      { name: 'web', protocol: 'h2c', balancer: 'round_robin', resilience: { ...defaultResilience, ejection: null } },
    ],
  })
  return port
}

const retry = { attempts: 2, on: ['reset', 503], backoffMs: 0, idempotencyKey: true, idempotent: false } as const

it('an answer of a stream is let go and asked for again', async () => {
  const answers: number[] = []
  const upstream = await framedServer((stream, count) => {
    answers.push(count)
    stream.respond({ ':status': count === 1 ? 503 : 200 })
    stream.end(count === 1 ? 'x'.repeat(100_000) : 'ok')
  })
  const port = await gatewayTo([upstream], { retry })
  expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 200 [^]*ok/)
  expect(answers).toEqual([1, 2])
})

it('a POST with a key is sent again whole', async () => {
  const bodies: string[] = []
  const upstream = await framedServer((stream, count) => {
    let body = ''
    stream.setEncoding('utf8').on('data', (text: string) => (body += text))
    stream.on('end', () => {
      bodies.push(body)
      stream.respond({ ':status': count === 1 ? 503 : 200 })
      stream.end('ok')
    })
  })
  const port = await gatewayTo([upstream], { retry })
  const post = `${request('POST', 'Idempotency-Key: a1\r\nContent-Length: 5\r\n')}hello`
  expect(await exchange(port, post)).toMatch(/^HTTP\/1\.1 200 [^]*ok/)
  expect(bodies).toEqual(['hello', 'hello'])
})

it('a slow read is hedged by another stream', async () => {
  let slow = 0
  const silent = await framedServer(() => slow++)
  const quick = await framedServer((stream) => {
    stream.respond({ ':status': 200 })
    stream.end('ok')
  })
  const port = await gatewayTo([silent, quick], { hedge: { delayMs: 20 } })
  for (let turn = 0; turn < 3; turn++) expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 200 [^]*ok/)
  expect(slow).toBeGreaterThanOrEqual(2)
})
