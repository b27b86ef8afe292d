import type { Socket } from 'node:net'
import { queryObjects } from 'node:v8'
import { expect, it, vi } from 'vitest'
import { Exchange } from '../../packages/gateway/dist/exchange/exchange.js'
import { Exchanges } from '../../packages/gateway/dist/exchange/exchanges.js'
import { ClientConnection } from '../../packages/gateway/dist/http1/client-connection.js'
import { HeadReader } from '../../packages/gateway/dist/http1/head-reader.js'
import { Http2Connection } from '../../packages/gateway/dist/http2/http2-connection.js'
import { ask, session } from './http2-client.js'
import { answering, Client, endpoint, eventually, ok, rawServer, serve } from './plane.js'

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)
/** How many objects of it there are that are still of use. */
const countOf = (type: new (...args: never[]) => unknown): number => queryObjects(type as never, { format: 'count' })

/** An upstream that answers `/held` when it is let go, and else at once, both with the path. */
async function holding(): Promise<{ port: number; isHolding(): boolean; letGo(): void }> {
  const held: (() => void)[] = []
  const { port } = await rawServer(
    answering((head, socket: Socket) => {
      const path = head.split(' ')[1] ?? ''
      const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`
      if (!path.startsWith('/held')) return answer
      held.push(() => void socket.write(answer))
      return ''
    }),
  )
  return {
    port,
    isHolding: () => held.length > 0,
    letGo: () => {
      for (const answer of held.splice(0)) answer()
    },
  }
}

it('connections that wait for their next request hold no exchange and no reader, and are served again', async () => {
  const upstream = await rawServer(answering(() => ok))
  const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
  const exchangesBefore = countOf(Exchange)
  const readersBefore = countOf(HeadReader)
  const given = vi.spyOn(Exchanges.prototype, 'give')
  const clients = Array.from({ length: 100 }, () => new Client(port))
  for (let turn = 1; turn <= 2; turn++) {
    for (const client of clients) {
      client.send(get('/'))
      await client.until((received) => received.split('HTTP/1.1 200').length > turn)
    }
    // One serves them all, and one reader reads for the clients and one for the upstream.
    expect(countOf(Exchange) - exchangesBefore).toBeLessThanOrEqual(1)
    expect(countOf(HeadReader) - readersBefore).toBeLessThanOrEqual(1)
    expect(given).toHaveBeenCalledTimes(turn * clients.length)
  }
})

it('nothing of HTTP/1.1 is left of connections that turn out to speak HTTP/2', async () => {
  const upstream = await rawServer(answering(() => ok))
  const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
  const before = countOf(ClientConnection)
  const http2Before = countOf(Http2Connection)
  for (let count = 0; count < 10; count++) {
    await ask(session(port), { ':path': '/' })
  }
  expect(countOf(Http2Connection) - http2Before).toBe(10)
  // The exchange that they share knows the last of its clients.
  expect(countOf(ClientConnection) - before).toBeLessThanOrEqual(1)
})

const endings: [string, (former: Client) => unknown][] = [
  ['resets its connection', ({ socket }) => socket.resetAndDestroy()],
  ['closes it', ({ socket }) => socket.destroy()],
  ['half-closes it', ({ socket }) => socket.end()],
  ['sends what is no request', (former) => former.send('\0\r\n\r\n')],
  ['is idle for too long', (former) => former.ended()],
  ['asks again', (former) => former.send(get('/again'))],
]

it.each(endings)('a request is not touched when whoever had its exchange before %s', async (_, end) => {
  const upstream = await holding()
  const { plane, port } = await serve({
    endpoints: [endpoint('web', upstream.port)],
    limits: { keepAliveTimeoutMs: 200 },
  })
  const former = new Client(port)
  former.send(get('/first'))
  await former.until((received) => received.endsWith('/first'))
  const client = new Client(port)
  client.send(get('/held'))
  await eventually(() => upstream.isHolding())
  end(former)
  // Until what the former client did has been dealt with.
  await eventually(() => plane.connections === 1 || former.received.endsWith('/again') || former.hasEnded)
  expect(plane.inFlight().get(`web-${upstream.port}`)).toBe(1)
  upstream.letGo()
  expect(bodyOf(await client.until((received) => received.endsWith('/held')))).toBe('/held')
})
