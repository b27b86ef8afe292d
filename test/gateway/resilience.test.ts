import { connect } from 'node:net'
import { defaultResilience, type ResilienceSpec, type RetrySpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import {
  answering,
  Client,
  cleanUp,
  edge,
  endpoint,
  eventually,
  exchange,
  freePort,
  ok,
  portOf,
  rawServer,
  route,
  serve,
  type TableOptions,
} from './plane.js'

const request = (method = 'GET', lines = ''): string =>
  `${method} /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`

const answer = (status: number, lines = ''): string => `HTTP/1.1 ${status} Odd\r\n${lines}Content-Length: 3\r\n\r\nodd`

const retry = (extra: Partial<RetrySpec> = {}): RetrySpec => ({
  attempts: 2,
  on: ['reset', 'timeout', 502, 503, 504, 429],
  backoffMs: 0,
  idempotencyKey: false,
  idempotent: false,
  ...extra,
})

/** An endpoint that answers with what `next` gives, and the first lines of what it was asked. */
async function scripted(next: (count: number) => string): Promise<{ port: number; heads: string[] }> {
  const heads: string[] = []
  const { port } = await rawServer(answering((head) => (heads.push(head), next(heads.length))))
  return { port, heads }
}

interface Given {
  readonly retry?: RetrySpec
  readonly resilience?: Partial<ResilienceSpec>
  readonly balancer?: 'round_robin' | 'sticky' | 'consistent_hash'
}

function options(ports: readonly number[], given: Given, extra: Partial<TableOptions> = {}): TableOptions {
  return {
    endpoints: ports.map((port) => endpoint('web', port)),
    routes: [route('web/0', 'web', '/', given.retry === undefined ? {} : { retry: given.retry })],
    services: [
      {
        name: 'web',
        protocol: 'http',
        balancer: given.balancer ?? 'round_robin',
        resilience: { ...defaultResilience, ejection: null, ...given.resilience },
      },
    ],
    ...extra,
  }
}

const metric = (plane: Awaited<ReturnType<typeof serve>>['plane'], name: string): number =>
  plane
    .metrics()
    .families.filter((family) => family.name === name)
    .flatMap((family) => family.series)
    .reduce((sum, series) => sum + (series.values[0] ?? 0), 0)

const ownOf = (text: string): string => /own=(\w+)/.exec(text)?.[1] ?? ''

const deadlineIn = (head: string | undefined): number =>
  Number(/\r\nX-Request-Deadline: (\d+)\r\n/.exec(head ?? '')?.[1])

describe('an answer that may be had again', () => {
  it.each([502, 503, 504, 429])(
    '%i is asked for again elsewhere, and the client sees the better one',
    async (status) => {
      const sick = await scripted(() => answer(status))
      const well = await scripted(() => ok)
      const { port, plane } = await serve(options([sick.port, well.port], { retry: retry() }))
      for (let turn = 0; turn < 3; turn++) expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 200 [^]*ok$/)
      expect(sick.heads.length).toBeGreaterThanOrEqual(2)
      expect(metric(plane, 'pando_gateway_retries_total')).toBe(sick.heads.length)
    },
  )

  it('is counted once for the revision that gave it, so that a canary hides nothing', async () => {
    const sick = await scripted(() => answer(503))
    const well = await scripted(() => ok)
    const { port, plane } = await serve(
      options(
        [],
        { retry: retry() },
        {
          endpoints: [endpoint('web', sick.port, { revision: 'new' }), endpoint('web', well.port, { revision: 'old' })],
        },
      ),
    )
    for (let turn = 0; turn < 3; turn++) expect(await exchange(port, request())).toMatch(/ok$/)
    const of = (name: string, revision: string): number[] =>
      plane
        .metrics()
        .families.filter((family) => family.name === name)
        .flatMap((family) => family.series)
        .filter(({ labels }) => labels['revision'] === revision)
        .map(({ values }) => values.at(-1) ?? 0)
    const tries = sick.heads.length
    expect(tries).toBeGreaterThanOrEqual(2)
    expect(of('pando_gateway_revision_errors_total', 'new')).toEqual([tries])
    expect(of('pando_gateway_revision_errors_total', 'old')).toEqual([0])
    expect(of('pando_gateway_revision_request_duration_seconds', 'new').length).toBe(1)
    expect(metric(plane, 'pando_gateway_requests_total')).toBe(3)
  })

  it.each([500, 501, 404, 200])('%i is not', async (status) => {
    const only = await scripted(() => answer(status))
    const { port } = await serve(options([only.port], { retry: retry() }))
    expect(await exchange(port, request())).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(only.heads).toHaveLength(1)
  })

  it('is the last one that came, when the attempts are used up', async () => {
    const only = await scripted((count) => answer(503, `X-Count: ${count}\r\n`))
    const { port } = await serve(options([only.port], { retry: retry() }))
    expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 503 [^]*X-Count: 3\r\n[^]*odd$/)
    expect(only.heads).toHaveLength(3)
  })

  it('is the first one for a route that says nothing', async () => {
    const only = await scripted(() => answer(503))
    const { port } = await serve(options([only.port], {}))
    expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 503 [^]*odd$/)
    expect(only.heads).toHaveLength(1)
  })

  it('is waited for as Retry-After says, unless that is long', async () => {
    let since = 0
    let waited = 0
    const soon = await scripted((count) => {
      if (count === 1) since = performance.now()
      else waited = performance.now() - since
      return count === 1 ? answer(429, 'Retry-After: 1\r\n') : ok
    })
    const first = await serve(options([soon.port], { retry: retry() }))
    expect(await exchange(first.port, request())).toMatch(/ok$/)
    expect(waited).toBeGreaterThanOrEqual(990)
    const late = await scripted(() => answer(429, 'Retry-After: 60\r\n'))
    const second = await serve(options([late.port], { retry: retry() }))
    expect(await exchange(second.port, request())).toMatch(/^HTTP\/1\.1 429 [^]*Retry-After: 60/)
    expect(late.heads).toHaveLength(1)
  })

  it('keeps the connection that the answer came over', async () => {
    const server = await rawServer(answering(() => answer(503)))
    const { port } = await serve(options([server.port], { retry: retry() }))
    expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 503 /)
    expect(server.sockets).toHaveLength(1)
  })
})

const post = (lines = ''): string => request('POST', `${lines}Content-Length: 0\r\n`)

describe('a POST', () => {
  it.each([
    ['with a key, where the route says so', true, 'Idempotency-Key: "8e03978e"\r\n', 2],
    ['without a key', true, '', 1],
    ['with an empty key', true, 'Idempotency-Key:\r\n', 1],
    ['with a key, where the route does not say so', false, 'Idempotency-Key: "8e03978e"\r\n', 1],
  ] as const)('%s', async (_, idempotencyKey, lines, times) => {
    const only = await scripted((count) => (count === 1 ? answer(503) : ok))
    const { port } = await serve(options([only.port], { retry: retry({ idempotencyKey }) }))
    expect(await exchange(port, post(lines))).toMatch(times === 2 ? /ok$/ : /^HTTP\/1\.1 503 /)
    expect(only.heads).toHaveLength(times)
  })

  it('is sent again whole, with its key, when its connection breaks', async () => {
    const bodies: string[] = []
    const server = await rawServer((socket, index) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (!text.endsWith('hello')) return
        bodies.push(text.slice(text.indexOf('\r\n\r\n') + 4))
        expect(text).toContain('Idempotency-Key: a1\r\n')
        if (index === 0) socket.resetAndDestroy()
        else socket.write(ok)
      })
    })
    const { port } = await serve(options([server.port], { retry: retry({ idempotencyKey: true }) }))
    expect(await exchange(port, `${request('POST', 'Idempotency-Key: a1\r\nContent-Length: 5\r\n')}hello`)).toMatch(
      /ok$/,
    )
    expect(bodies).toEqual(['hello', 'hello'])
  })
})

describe('when everything fails', () => {
  it('the service gets at most 1.2 times the requests, and three', async () => {
    const only = await scripted(() => answer(503))
    const { port, plane } = await serve(options([only.port], { retry: retry({ attempts: 5 }) }))
    const asked = 50
    for (let turn = 0; turn < asked; turn++) expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 503 /)
    expect(only.heads.length).toBeGreaterThan(asked)
    expect(only.heads.length).toBeLessThanOrEqual(asked * 1.2 + 3)
    expect(metric(plane, 'pando_gateway_retries_refused_total')).toBeGreaterThan(0)
  })

  it('also when it is the connections that fail', async () => {
    let count = 0
    const server = await rawServer(answering((_, socket) => (count++, socket.resetAndDestroy(), '')))
    const { port } = await serve(options([server.port], { retry: retry({ attempts: 5 }) }))
    for (let turn = 0; turn < 50; turn++) expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 502 /)
    expect(count).toBeLessThanOrEqual(50 * 1.2 + 3)
  })

  it('a request that was sent in part is never doubled by the pause before its next try', async () => {
    const only = await scripted(() => answer(503))
    const { port } = await serve(options([only.port], { retry: retry({ backoffMs: 60_000 }) }))
    const client = new Client(port)
    client.send(request())
    await eventually(() => only.heads.length === 1)
    client.socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(only.heads).toHaveLength(1)
  })
})

describe('an endpoint that answers with errors', () => {
  it('is ejected, and told of in the metrics', async () => {
    const sick = await scripted(() => answer(503))
    const well = await scripted(() => ok)
    const { port, plane } = await serve(
      options([sick.port, well.port], { resilience: { ejection: defaultResilience.ejection } }),
    )
    for (let turn = 0; turn < 40; turn++) await exchange(port, request())
    expect(sick.heads).toHaveLength(5)
    expect(metric(plane, 'pando_gateway_ejections_total')).toBe(1)
    expect(metric(plane, 'pando_gateway_endpoints_ejected')).toBe(1)
  })

  it('comes back when its time is over', async () => {
    let isWell = false
    const sick = await scripted(() => (isWell ? ok : answer(503)))
    const well = await scripted(() => ok)
    const ejection = { ...defaultResilience.ejection, baseMs: 300 }
    const { port } = await serve(options([sick.port, well.port], { resilience: { ejection } }))
    for (let turn = 0; turn < 12; turn++) await exchange(port, request())
    isWell = true
    const before = sick.heads.length
    while (sick.heads.length === before) expect(await exchange(port, request())).toMatch(/ok$/)
  })

  it.each([
    ['the request', { requestMs: 150, backendRequestMs: null }],
    ['one try', { requestMs: null, backendRequestMs: 150 }],
  ])(
    'is not one whose clients are slow: a body that does not come in the time of %s is theirs',
    async (_, timeouts) => {
      const hung = [0, 1].map(() => rawServer((socket) => void socket.on('data', () => {})))
      const ports = (await Promise.all(hung)).map((server) => server.port)
      const { port, plane } = await serve({
        ...options(ports, { resilience: { ejection: defaultResilience.ejection } }),
        routes: [route('web/0', 'web', '/', { timeouts })],
      })
      for (const method of ['POST', 'PUT']) {
        const clients = Array.from({ length: 12 }, () => {
          const client = new Client(port)
          client.send(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhell`)
          return client
        })
        for (const client of clients)
          expect(await client.ended()).toMatch(/^HTTP\/1\.1 408 [^]*"reason":"request_timeout"/)
      }
      expect(metric(plane, 'pando_gateway_ejections_total')).toBe(0)
      expect(plane.inFlight().size).toBe(0)
      expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 504 /)
    },
  )

  it.each([
    ['the time of the request', { timeouts: { requestMs: 200, backendRequestMs: null } }, {}],
    ['any more of it', {}, { idleTimeoutMs: 200 }],
  ])('is not one whose clients do not take their answers: %s', async (_, timed, limits) => {
    const large = `HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n${'x'.repeat(32 * 1_048_576)}`
    const ports = (await Promise.all([0, 1].map(() => scripted(() => large)))).map((server) => server.port)
    const { port, plane } = await serve({
      ...options(ports, { resilience: { ejection: defaultResilience.ejection } }),
      routes: [route('web/0', 'web', '/', timed)],
      limits,
    })
    for (let client = 0; client < 12; client++) {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      cleanUp(() => void socket.destroy())
      socket.pause().write(request())
    }
    await eventually(() => metric(plane, 'pando_gateway_answers_cut_total') === 12)
    expect(metric(plane, 'pando_gateway_ejections_total')).toBe(0)
  })

  it('is used on where it is the only one', async () => {
    const only = await scripted(() => answer(503))
    const { port } = await serve(options([only.port], { resilience: { ejection: defaultResilience.ejection } }))
    for (let turn = 0; turn < 10; turn++) expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 503 [^]*odd$/)
    expect(only.heads).toHaveLength(10)
  })
})

describe('a circuit breaker', () => {
  const limits = { maxConnections: null, maxPending: null, maxRequests: null, maxRetries: null, failures: null }
  const within = (circuitBreaker: Partial<ResilienceSpec['circuitBreaker']>): Given => ({
    resilience: { circuitBreaker: { ...limits, ...circuitBreaker } },
  })

  it('refuses the request too many at once', async () => {
    const silent = await scripted(() => '')
    const { port } = await serve(options([silent.port], within({ maxRequests: 2 })))
    const held = [new Client(port), new Client(port)]
    for (const client of held) client.send(request())
    await eventually(() => silent.heads.length === 2)
    expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*"reason":"overloaded"/)
    // Once the gateway has seen that one has gone, there is room for another.
    held[0]?.socket.resetAndDestroy()
    while (silent.heads.length === 2) {
      const next = new Client(port)
      next.send(request())
      await eventually(() => silent.heads.length === 3 || next.hasEnded)
    }
  })

  it('lets requests wait for one of its connections, and only so many', async () => {
    const answers: (() => void)[] = []
    const server = await rawServer((socket) => {
      socket.on('data', () => answers.push(() => socket.write(ok)))
    })
    const { port } = await serve(options([server.port], within({ maxConnections: 1, maxPending: 1 })))
    const [first, second] = [new Client(port), new Client(port)]
    first.send(request())
    await eventually(() => answers.length === 1)
    second.send(request())
    await eventually(() => second.socket.bytesWritten > 0)
    let third = ''
    while (!third.includes('"reason":"overloaded"')) {
      third = await exchange(port, request())
      expect(third).toMatch(/^HTTP\/1\.1 503 /)
    }
    expect(server.sockets).toHaveLength(1)
    answers[0]?.()
    await eventually(() => answers.length === 2)
    answers[1]?.()
    expect(await first.ended()).toMatch(/ok$/)
    expect(await second.ended()).toMatch(/ok$/)
    expect(server.sockets).toHaveLength(1)
  })

  it('lets nobody wait long in a queue that has stood for a second', async () => {
    const silent = await scripted(() => '')
    const { port, plane } = await serve(
      options(
        [silent.port],
        { resilience: { queueMs: 100, circuitBreaker: { ...limits, maxConnections: 1 } } },
        { limits: { pendingTimeoutMs: 60_000 } },
      ),
    )
    const [first, second] = [new Client(port), new Client(port)]
    first.send(request())
    await eventually(() => silent.heads.length === 1)
    second.send(request())
    await eventually(() => metric(plane, 'pando_gateway_requests_pending') === 1)
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    // Were it to wait for as long as the second one, the test would not end.
    expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"overloaded"/)
    expect(second.received).toBe('')
  })

  it('rests a service that fails too often, and sees whether it is well again', async () => {
    let isWell = false
    const only = await scripted(() => (isWell ? ok : answer(503)))
    const failures = { failurePercent: 50, minRequests: 4, windowMs: 10_000, openMs: 400, probes: 1 }
    const { port } = await serve(options([only.port], within({ failures })))
    for (let turn = 0; turn < 4; turn++) expect(await exchange(port, request())).toMatch(/odd$/)
    expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"circuit_open"/)
    expect(only.heads).toHaveLength(4)
    isWell = true
    let text = ''
    while (!text.endsWith('ok')) text = await exchange(port, request())
    expect(await exchange(port, request())).toMatch(/ok$/)
  })
})

describe('a sticky service', () => {
  it('keeps a client at its endpoint by a cookie, as long as that is there', async () => {
    const names = ['one', 'two', 'three']
    const servers = await Promise.all(
      names.map((name) => scripted(() => `HTTP/1.1 200 OK\r\nSet-Cookie: own=${name}\r\nContent-Length: 0\r\n\r\n`)),
    )
    const { port } = await serve(
      options(
        servers.map((server) => server.port),
        { balancer: 'sticky' },
      ),
    )
    const first = await exchange(port, request())
    const cookie = /\r\nSet-Cookie: (pando-endpoint=[\w-]+); Path=\/; HttpOnly; SameSite=Lax\r\n/.exec(first)?.[1] ?? ''
    expect(cookie).not.toBe('')
    for (let turn = 0; turn < 6; turn++) {
      const text = await exchange(port, request('GET', `Cookie: a=b; ${cookie}\r\n`))
      expect(ownOf(text)).toBe(ownOf(first))
      expect(text).not.toContain('pando-endpoint')
    }
  })
})

describe('a consistent hash', () => {
  it('sends the same key to the same endpoint', async () => {
    const servers = await Promise.all([0, 1, 2].map(() => scripted(() => ok)))
    const balancing = { ...defaultResilience.balancing, hash: { by: 'header', name: 'x-user' } as const }
    const ports = servers.map((server) => server.port)
    const { port } = await serve(options(ports, { balancer: 'consistent_hash', resilience: { balancing } }))
    for (const user of ['ada', 'bob', 'eve']) {
      const before = servers.map((server) => server.heads.length)
      for (let turn = 0; turn < 5; turn++) await exchange(port, request('GET', `X-User: ${user}\r\n`))
      const gained = servers.map((server, index) => server.heads.length - (before[index] ?? 0))
      expect(gained.toSorted()).toEqual([0, 0, 5])
    }
  })
})

describe('the deadline', () => {
  const mesh = { kind: 'mesh', name: 'mesh/web', address: { host: '127.0.0.1', port: 0 }, service: 'web' } as const

  it('is told to the service, and what a client says of it is dropped', async () => {
    const only = await scripted(() => ok)
    const timeouts = { requestMs: 60_000, backendRequestMs: null }
    const { port } = await serve({
      endpoints: [endpoint('web', only.port)],
      routes: [route('web/0', 'web', '/timed', { timeouts }), route('web/1', 'web', '/')],
    })
    await exchange(port, request('GET', 'X-Request-Deadline: 99\r\n'))
    expect(only.heads[0]).not.toMatch(/deadline/i)
    const before = Date.now()
    await exchange(port, request('GET', 'X-Request-Deadline: 99\r\n').replace('/x', '/timed'))
    const told = deadlineIn(only.heads[1])
    expect(told).toBeGreaterThanOrEqual(before + 60_000)
    expect(told).toBeLessThanOrEqual(Date.now() + 60_000)
  })

  it('of a caller in the mesh is kept to, and passed on', async () => {
    const only = await scripted((count) => (count === 1 ? ok : ''))
    const { plane } = await serve({ endpoints: [endpoint('web', only.port)], listeners: [edge, mesh] })
    const port = portOf(plane, 'mesh/web')
    const far = Date.now() + 60_000
    expect(await exchange(port, request('GET', `X-Request-Deadline: ${far}\r\n`))).toMatch(/ok$/)
    expect(deadlineIn(only.heads[0])).toBe(far)
    const text = await exchange(port, request('GET', `X-Request-Deadline: ${Date.now() + 300}\r\n`))
    expect(text).toMatch(/^HTTP\/1\.1 504 [^]*"reason":"upstream_timeout"/)
    expect(only.heads).toHaveLength(2)
    expect(await exchange(port, request('GET', `X-Request-Deadline: ${Date.now() - 1}\r\n`))).toMatch(
      /^HTTP\/1\.1 504 /,
    )
    expect(only.heads).toHaveLength(2)
  })
})

it('a connection that cannot be opened is no retry, and an ejection in the end', async () => {
  const dead = await freePort()
  const well = await scripted(() => ok)
  const { port, plane } = await serve(
    options([dead, well.port], { resilience: { ejection: { ...defaultResilience.ejection, consecutive: 1 } } }),
  )
  cleanUp(() => undefined)
  for (let turn = 0; turn < 6; turn++) expect(await exchange(port, request())).toMatch(/ok$/)
  expect(metric(plane, 'pando_gateway_retries_total')).toBe(0)
  expect(metric(plane, 'pando_gateway_ejections_total')).toBe(1)
})
