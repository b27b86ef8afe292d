import { connect } from 'node:net'
import { expect, it, vi } from 'vitest'
import { eventually, endpoint, freePort, rawServer, route, serve, table } from './plane.js'

vi.setConfig({ testTimeout: 60_000 })

/** A small generator with a fixed seed, so that a failure comes again. */
let state = 7
function upTo(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * limit)
}

const head = (line: string, more = ''): string => `${line} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
const requests = [
  head('GET /w'),
  head('HEAD /w'),
  head('GET /none'),
  'GE',
  'bad\0',
  head('POST /w', 'Content-Length: 5\r\n') + 'hello',
  head('PUT /w', 'Transfer-Encoding: chunked\r\n') + '5\r\nhello\r\n0\r\n\r\n',
  head('PUT /w', 'Content-Length: 90000\r\n') + 'q'.repeat(50_000),
  head('POST /w', 'Content-Length: 300000\r\n') + 'q'.repeat(1_000),
  head('POST /w', 'Expect: 100-continue\r\nContent-Length: 5\r\n'),
  head('GET /w', 'Connection: upgrade\r\nUpgrade: x\r\n'),
  head('GET /w').repeat(30),
]
const ok = 'HTTP/1.1 200 OK\r\n'
const answers = [
  'garbage\r\n\r\n',
  `${ok}Content-Length: 100\r\n\r\nhalf`,
  `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  `${ok}\r\nuntil the end`,
  `${ok}Content-Length: 2\r\n\r\nokEXTRA`,
  `${ok}A: ${'h'.repeat(70_000)}\r\n\r\n`,
  'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(40),
  'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhi',
  '',
]
const whole = `${ok}Content-Length: 20000\r\n\r\n${'o'.repeat(20_000)}`

it('a thousand connections that break in every state, on both sides and while tables change, leave nothing behind', async () => {
  const upstream = await rawServer((socket) => {
    socket.on('end', () => socket.end())
    socket.on('data', (chunk: Buffer) => {
      if (!chunk.includes('\r\n\r\n')) return
      if (upTo(2) === 0) return void socket.write(whole)
      socket.write(answers[upTo(answers.length)] ?? '')
      const endings = [() => socket.destroy(), () => socket.end(), () => socket.resetAndDestroy(), () => {}]
      setTimeout(endings[upTo(4)] ?? (() => {}), upTo(60))
    })
  })
  const dead = await freePort()
  const options = (): Parameters<typeof table>[0] => ({
    routes: [route('w', 'web', '/w', { timeouts: { requestMs: 2_000, backendRequestMs: 500 } })],
    endpoints: [
      endpoint('web', upstream.port, { state: upTo(4) === 0 ? 'draining' : 'healthy' }),
      endpoint('web', upstream.port, { id: 'twin', state: upTo(4) === 0 ? 'unhealthy' : 'healthy' }),
      endpoint('web', dead),
    ].slice(upTo(3)),
    limits: {
      maxBodyBytes: 200_000,
      headTimeoutMs: 500,
      keepAliveTimeoutMs: 500,
      idleTimeoutMs: 700,
      pendingTimeoutMs: 400,
      maxConnectionsPerEndpoint: 20,
    },
  })
  const { plane, port } = await serve(options())
  const swapping = setInterval(() => void plane.apply(table(options())), 100)

  const attack = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      if (upTo(5) > 0) socket.resume()
      for (let more = upTo(3); more >= 0; more--) socket.write(requests[upTo(requests.length)] ?? '', 'latin1')
      const endings = [() => socket.destroy(), () => socket.resetAndDestroy(), () => socket.resume().end()]
      setTimeout(endings[upTo(3)] ?? (() => {}), upTo(150))
      setTimeout(() => socket.destroy(), 1_500).unref()
    })
  let left = 1_000
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (left-- > 0) await attack()
    }),
  )
  clearInterval(swapping)

  const gauges = (): Record<string, number> =>
    Object.fromEntries(
      plane
        .metrics()
        .families.filter(({ type }) => type === 'gauge')
        .map(({ name, series }) => [name, series.reduce((sum, { values }) => sum + (values[0] ?? 0), 0)]),
    )
  await eventually(() => plane.connections === 0 && plane.inFlight().size === 0)
  for (const [name, value] of Object.entries(gauges())) expect([name, value]).toEqual([name, 0])
  // Idle connections to the service are given up after a while; none is forgotten.
  await eventually(() => upstream.sockets.every((socket) => socket.destroyed))
  // It was rough enough.
  const refused =
    plane.metrics().families.find(({ name }) => name === 'pando_gateway_refused_requests_total')?.series ?? []
  const counts = Object.fromEntries(refused.map(({ labels, values }) => [labels['reason'], values[0] ?? 0]))
  for (const reason of ['upstream_closed', 'upstream_invalid', 'bad_request', 'body_too_large', 'no_route']) {
    expect([reason, counts[reason]]).toEqual([reason, expect.toSatisfy((count: number) => count > 0)])
  }
})
