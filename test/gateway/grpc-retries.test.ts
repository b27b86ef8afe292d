import { type Metadata, status } from '@grpc/grpc-js'
import { defaultResilience, type ResilienceSpec, type RetrySpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { EchoClient, echoServer, type Failure } from './grpc-echo.js'
import { endpoint, eventually, route, serve } from './plane.js'

const given: RetrySpec = {
  attempts: 2,
  on: ['reset', 'unavailable'],
  backoffMs: 0,
  idempotencyKey: false,
  idempotent: true,
}

async function through(
  ports: readonly number[],
  retry: Partial<RetrySpec> = {},
  resilience: Partial<ResilienceSpec> = {},
) {
  const { plane, port } = await serve({
    endpoints: ports.map((each) => endpoint('web', each, { revision: `r${each}` })),
    routes: [route('web/0', 'web', '/', { retry: { ...given, ...retry } })],
    services: [
      {
        name: 'web',
        protocol: 'grpc',
        balancer: 'round_robin',
        resilience: { ...defaultResilience, ejection: null, ...resilience },
      },
    ],
  })
  const sum = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    plane
      .metrics()
      .families.filter((family) => family.name === name)
      .flatMap((family) => family.series)
      .filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
      .reduce((total, one) => total + (one.values[0] ?? 0), 0)
  return { sum, client: new EchoClient(`127.0.0.1:${port}`) }
}

const unavailable: Failure = { code: status.UNAVAILABLE }

/** A service whose first call fails so, and no other one does. */
const failingFirst = (failure: Failure) => echoServer((_, count) => (count === 1 ? failure : null))

const ended = (client: EchoClient, message = 'hello', headers: Readonly<Record<string, string>> = {}) =>
  client.unary(Buffer.from(message), 10_000, headers).then(
    ({ answer }) => String(answer),
    ({ code }: { code: number }) => status[code],
  )

describe('a call that ends before any message', () => {
  it('with UNAVAILABLE is made again elsewhere, and counts once for the revision that failed it', async () => {
    const sick = await echoServer(() => unavailable)
    const well = await echoServer()
    const { client, sum } = await through([sick.port, well.port])
    for (let turn = 0; turn < 3; turn++) expect(await ended(client)).toBe('hello')
    const { calls } = sick
    expect(calls()).toBeGreaterThanOrEqual(2)
    await eventually(() => sum('pando_gateway_requests_total') === 3)
    expect(sum('pando_gateway_retries_total')).toBe(calls())
    expect(sum('pando_gateway_revision_errors_total', { revision: `r${sick.port}` })).toBe(calls())
    expect(sum('pando_gateway_revision_errors_total', { revision: `r${well.port}` })).toBe(0)
    expect(sum('pando_gateway_grpc_calls_total', { grpc_status: 'OK' })).toBe(3)
    expect(sum('pando_gateway_grpc_calls_total')).toBe(3)
  })

  it('is made as often as the route says, and the client gets its last status', async () => {
    const sick = await echoServer(() => unavailable)
    const { client } = await through([sick.port])
    expect(await ended(client)).toBe('UNAVAILABLE')
    expect(sick.calls()).toBe(3)
  })

  it.each(['cancelled', 'deadline_exceeded', 'internal', 'resource_exhausted'] as const)(
    'with %s is made again where the route says so, and only there',
    async (reason) => {
      const code = status[reason.toUpperCase() as 'CANCELLED']
      const first = await failingFirst({ code })
      expect(await ended((await through([first.port], { on: [reason] })).client)).toBe('hello')
      const second = await failingFirst({ code })
      expect(await ended((await through([second.port])).client)).toBe(reason.toUpperCase())
      expect(second.calls()).toBe(1)
    },
  )

  it('is not made again where nobody said that it may be done twice', async () => {
    const server = await failingFirst(unavailable)
    const { client } = await through([server.port], { idempotent: false })
    expect(await ended(client)).toBe('UNAVAILABLE')
    expect(server.calls()).toBe(1)
  })

  it('is made again with a key, where the route goes by keys', async () => {
    const server = await failingFirst(unavailable)
    const { client } = await through([server.port], { idempotent: false, idempotencyKey: true })
    expect(await ended(client, 'hello', { 'idempotency-key': 'a1' })).toBe('hello')
    expect(server.calls()).toBe(2)
  })

  it('is not made again when its message is not kept any more', async () => {
    const server = await failingFirst(unavailable)
    const { client } = await through([server.port])
    // Larger than what is kept, and than what fits beside the head before the connection stands.
    expect(await ended(client, 'x'.repeat(400_000))).toBe('UNAVAILABLE')
    expect(server.calls()).toBe(1)
  })

  it('is not made again beyond the budget, which is told', async () => {
    const server = await failingFirst(unavailable)
    const { client, sum } = await through([server.port], {}, { retryBudget: { percent: 0, minimum: 0 } })
    expect(await ended(client)).toBe('UNAVAILABLE')
    expect(sum('pando_gateway_retries_refused_total')).toBe(1)
  })
})

it('a call whose head has gone out is not made again, whatever its trailers say', async () => {
  const server = await failingFirst({ ...unavailable, hasHead: true })
  const { client } = await through([server.port])
  expect(await ended(client)).toBe('UNAVAILABLE')
  expect(server.calls()).toBe(1)
})

const pushing = (ms: string) => failingFirst({ ...unavailable, metadata: { 'grpc-retry-pushback-ms': ms } })

describe('the pushback of a service', () => {
  it.each(['0', '50'])('of %s ms is waited for', async (ms) => {
    const server = await pushing(ms)
    const { client } = await through([server.port])
    expect(await ended(client)).toBe('hello')
    expect(server.calls()).toBe(2)
  })

  it.each(['-1', 'soon', '5001'])('of %s leaves the answer to the client, which sees it', async (ms) => {
    const server = await pushing(ms)
    const { client } = await through([server.port])
    const error = await client.unary(Buffer.from('hello')).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: status.UNAVAILABLE })
    expect((error as { metadata: Metadata }).metadata.get('grpc-retry-pushback-ms')).toEqual([ms])
    expect(server.calls()).toBe(1)
  })
})
