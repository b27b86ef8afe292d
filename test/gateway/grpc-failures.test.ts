import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { defaultResilience, type ResilienceSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { EchoClient, echoServer, type Failure } from './grpc-echo.js'
import { cleanUp, endpoint, eventually, serve, type TableOptions } from './plane.js'

type Plane = Awaited<ReturnType<typeof serve>>['plane']

async function through(
  ports: readonly number[],
  resilience: Partial<ResilienceSpec> = {},
  extra: Partial<TableOptions> = {},
) {
  const { plane, port } = await serve({
    endpoints: ports.map((each) => endpoint('web', each, { revision: `r${each}` })),
    services: [
      {
        name: 'web',
        protocol: 'grpc',
        balancer: 'round_robin',
        resilience: { ...defaultResilience, ejection: null, ...resilience },
      },
    ],
    ...extra,
  })
  return { plane, client: new EchoClient(`127.0.0.1:${port}`) }
}

const series = (plane: Plane, name: string) =>
  plane
    .metrics()
    .families.filter((family) => family.name === name)
    .flatMap((family) => family.series)

/** The calls counted so far, by their status. */
const counted = (plane: Plane): Record<string, number> =>
  Object.fromEntries(
    series(plane, 'pando_gateway_grpc_calls_total').map(({ labels, values }) => [
      labels['grpc_status'],
      values[0] ?? 0,
    ]),
  )

const sum = (plane: Plane, name: string, labels: Readonly<Record<string, string>> = {}): number =>
  series(plane, name)
    .filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((total, one) => total + (one.values[0] ?? 0), 0)

/** Calls one after the other; what each ended with. */
async function call(client: EchoClient, times: number): Promise<number[]> {
  const codes: number[] = []
  for (let index = 0; index < times; index++) {
    codes.push(
      await client.unary(Buffer.from('a')).then(
        () => status.OK,
        (error: { code: number }) => error.code,
      ),
    )
  }
  return codes
}

const failing = (failure: Failure) => echoServer(() => failure)
/** In the head of an answer without messages, and behind a head. */
const places = [
  ['in its head', false],
  ['in its trailers', true],
] as const

describe.each(places)('a call that fails with its status %s', (_, hasHead) => {
  it.each([
    ['UNAVAILABLE', true],
    ['DEADLINE_EXCEEDED', true],
    ['INTERNAL', false],
    ['UNKNOWN', false],
    ['NOT_FOUND', false],
    ['RESOURCE_EXHAUSTED', false],
    ['UNIMPLEMENTED', false],
  ] as const)('%s five times: its endpoint is ejected: %s', async (name, isEjected) => {
    const sick = await failing({ code: status[name], hasHead })
    const well = await echoServer()
    const { plane, client } = await through([sick.port, well.port], { ejection: defaultResilience.ejection })
    const codes = await call(client, 20)
    expect(codes.filter((code) => code === status[name])).toHaveLength(isEjected ? 5 : 10)
    expect(Object.values(plane.ejected())).toEqual(
      isEjected ? [{ service: 'web', error: `a call that ended with ${name}` }] : [],
    )
  })

  it.each(['INTERNAL', 'UNKNOWN', 'DATA_LOSS'] as const)('%s counts where all errors do', async (name) => {
    const sick = await failing({ code: status[name], hasHead })
    const { plane, client } = await through([sick.port, (await echoServer()).port], {
      ejection: { ...defaultResilience.ejection, errors: 'all' },
    })
    await call(client, 20)
    expect(sick.calls()).toBe(5)
    expect(Object.keys(plane.ejected())).toHaveLength(1)
  })

  it('opens the circuit breaker', async () => {
    const sick = await failing({ code: status.UNAVAILABLE, hasHead })
    const { client } = await through([sick.port], {
      circuitBreaker: {
        maxConnections: null,
        maxPending: null,
        maxRequests: null,
        maxRetries: null,
        failures: { failurePercent: 50, minRequests: 4, windowMs: 10_000, openMs: 60_000, probes: 1 },
      },
    })
    await call(client, 4)
    await expect(client.unary(Buffer.from('a'))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('Too many requests to web failed of late') as unknown,
    })
    expect(sick.calls()).toBe(4)
  })

  it.each([
    ['UNAVAILABLE', '5xx', 1],
    ['INTERNAL', '5xx', 1],
    ['UNKNOWN', '5xx', 1],
    ['DATA_LOSS', '5xx', 1],
    ['DEADLINE_EXCEEDED', '5xx', 1],
    ['NOT_FOUND', '4xx', 0],
    ['INVALID_ARGUMENT', '4xx', 0],
    ['PERMISSION_DENIED', '4xx', 0],
    ['UNIMPLEMENTED', '4xx', 0],
    ['CANCELLED', '4xx', 0],
  ] as const)('%s is counted as %s and an error of its revision: %i', async (name, code_class, errors) => {
    const server = await failing({ code: status[name], hasHead })
    const { plane, client } = await through([server.port])
    await call(client, 1)
    await eventually(() => sum(plane, 'pando_gateway_requests_total') === 1)
    expect(sum(plane, 'pando_gateway_requests_total', { code_class })).toBe(1)
    expect(sum(plane, 'pando_gateway_revision_errors_total', { revision: `r${server.port}` })).toBe(errors)
    expect(counted(plane)).toEqual({ [name]: 1 })
  })
})

it('a call that goes well ends the row of errors, when its trailers have come', async () => {
  const weak = await echoServer((_, count) => (count % 5 === 0 ? null : { code: status.UNAVAILABLE, hasHead: true }))
  const { plane, client } = await through([weak.port, (await echoServer()).port], {
    ejection: defaultResilience.ejection,
  })
  await call(client, 40)
  expect(weak.calls()).toBe(20)
  expect(plane.ejected()).toEqual({})
})

it('a status that is none, or that nobody knows, is UNKNOWN, as it is to a client', async () => {
  const answers: Readonly<Record<string, string>>[] = [{}, { 'grpc-status': '99' }, { 'grpc-status': 'well' }]
  const server = createServer()
  server.on('stream', (stream) => {
    const trailers = answers.shift() ?? {}
    stream.on('error', () => {})
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    stream.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(() => void server.close())
  const { plane, client } = await through([(server.address() as AddressInfo).port])
  await call(client, 3)
  await eventually(() => sum(plane, 'pando_gateway_requests_total') === 3)
  expect(counted(plane)).toEqual({ UNKNOWN: 3 })
})

it('a call that broke off in the middle counts as what its client is told', async () => {
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write(Buffer.from([0, 0, 0, 0, 1, 0x61]), () => stream.session?.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(() => void server.close())
  const { plane, client } = await through([(server.address() as AddressInfo).port])
  expect(await call(client, 1)).toEqual([status.UNAVAILABLE])
  await eventually(() => sum(plane, 'pando_gateway_requests_total') === 1)
  expect(counted(plane)).toEqual({ UNAVAILABLE: 1 })
  expect(sum(plane, 'pando_gateway_requests_total', { code_class: '5xx' })).toBe(1)
  expect(sum(plane, 'pando_gateway_revision_errors_total')).toBe(1)
})

it('what the gateway answers by itself is counted and logged with its status too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pando-grpc-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  const accessLog = join(folder, 'access.log')
  const server = await echoServer((text) => (text === 'a' ? { code: status.NOT_FOUND } : null))
  const { plane, client } = await through([server.port], {}, { accessLog, limits: { pendingTimeoutMs: 50 } })
  await call(client, 1)
  await client.unary(Buffer.from('b'))
  await expect(client.unary(Buffer.from('wait'), 200)).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED })
  const lines = (): { status: number; grpcStatus?: string; reason?: string }[] =>
    readFileSync(accessLog, 'utf8')
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { status: number })
  await eventually(() => lines().length === 3)
  expect(lines().slice(0, 2)).toMatchObject([
    { status: 404, grpcStatus: 'NOT_FOUND' },
    { status: 200, grpcStatus: 'OK' },
  ])
  const { client: other, plane: empty } = await through([], {}, { limits: { pendingTimeoutMs: 50 } })
  expect(await call(other, 1)).toEqual([status.UNAVAILABLE])
  expect(counted(empty)).toEqual({ UNAVAILABLE: 1 })
  expect(counted(plane)).toMatchObject({ NOT_FOUND: 1, OK: 1 })
})
