import { CompiledEdit, HttpDataPlane, Policies } from '@pando/gateway'
import type { GatewayConfig } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { code } from '../../packages/gateway/src/http2/error-codes.js'
import * as frame from '../../packages/gateway/src/http2/frame-types.js'
import { type Field, FrameClient, frameOf, type FramePeer, frameService, requestFields } from './http2-client.js'
import { endpoint, eventually, route, serve, type TableOptions } from './plane.js'

const services: GatewayConfig['services'] = [{ name: 'web', protocol: 'h2c', balancer: 'round_robin' }]

async function gateway(extra: Partial<TableOptions> = {}, plane = new HttpDataPlane()) {
  const { port: service, peers } = await frameService()
  const { port } = await serve({ endpoints: [endpoint('web', service)], services, ...extra }, plane)
  return { client: new FrameClient(port), peers }
}

/** The service's side, once so many requests have come whole. */
async function asked(peers: readonly FramePeer[], stream = 1): Promise<FramePeer> {
  await eventually(() => peers[0] !== undefined)
  await peers[0]?.find((each) => each.stream === stream && each.type <= 1 && (each.flags & 1) !== 0)
  return peers[0] as FramePeer
}

function trailersOf(peer: FramePeer, stream = 1): string[] | undefined {
  return peer.sections.filter((each) => each.stream === stream)[1]?.fields
}

const post = (...more: Field[]): Field[] => requestFields('POST', '/', ...more)
const sum: Field[] = [
  ['x-sum', '1'],
  ['x-more', ''],
]

describe('trailers of a request reach a service that speaks HTTP/2', () => {
  it.each<[string, Field[], string]>([
    ['behind a body', post(), 'abc'],
    ['behind a body whose length was told', post(['content-length', '3']), 'abc'],
    ['without a body', post(), ''],
  ])('%s', async (_name, head, body) => {
    const { client, peers } = await gateway()
    client.request(1, head, false)
    if (body !== '') client.data(1, body)
    client.headers(1, sum)
    const peer = await asked(peers)
    expect(peer.body(1).toString()).toBe(body)
    expect(trailersOf(peer)).toEqual(['x-sum: 1', 'x-more: '])
    peer.headers(1, [[':status', '200']])
    expect((await client.response(1)).fields[0]).toBe(':status: 200')
  })

  it('behind a body that waited for windows to open', async () => {
    const { client, peers } = await gateway()
    const body = Buffer.alloc(frame.defaultWindow + 10_000, 'a')
    client.request(1, post(), false)
    for (let at = 0; at < body.length; at += frame.maxFrameBytes) {
      client.data(1, body.subarray(at, at + frame.maxFrameBytes))
    }
    client.headers(1, sum)
    await eventually(() => peers[0]?.body(1).length === frame.defaultWindow)
    const update = Buffer.from([0, 0, 0x40, 0])
    for (const stream of [0, 1]) peers[0]?.send(frameOf(frame.windowUpdateFrame, 0, stream, update))
    const peer = await asked(peers)
    expect(peer.body(1)).toHaveLength(body.length)
    expect(trailersOf(peer)).toEqual(['x-sum: 1', 'x-more: '])
  })

  it('with a request that is sent again', async () => {
    const { client, peers } = await gateway()
    client.request(1, post(), false)
    client.data(1, 'abc')
    client.headers(1, sum)
    const peer = await asked(peers)
    peer.send(frameOf(frame.resetFrame, 0, 1, Buffer.from([0, 0, 0, code.refusedStream])))
    await asked(peers, 3)
    expect(peer.body(3).toString()).toBe('abc')
    expect(trailersOf(peer, 3)).toEqual(['x-sum: 1', 'x-more: '])
  })
})

describe('trailers of a request', () => {
  const misplaced: Field[] = [
    ['host', 'other'],
    ['content-length', '7'],
    ['te', 'trailers'],
    ['trailer', 'x-sum'],
    ['expect', '100-continue'],
    ['x-forwarded-for', '10.0.0.1'],
    ['x_forwarded_for', '10.0.0.1'],
    ['x-request-id', 'mine'],
    ['x-request-deadline', '1'],
    ['traceparent', 'mine'],
    ['cookie', 'a=b'],
    ['authorization', 'Basic YTpi'],
    ['proxy_authorization', 'Basic YTpi'],
    ['content-type', 'text/html'],
    ['range', 'bytes=0-1'],
  ]

  it('say nothing of who asks, how, and what the body is made of', async () => {
    const { client, peers } = await gateway()
    client.request(1, post(), false)
    client.headers(1, [...misplaced, ['x-kept', 'a']])
    expect(trailersOf(await asked(peers))).toEqual(['x-kept: a'])
    client.request(3, post(), false)
    client.headers(3, misplaced)
    expect(trailersOf(await asked(peers, 3), 3)).toBeUndefined()
  })

  it('have no field that the route or a policy takes out of heads', async () => {
    const request = new CompiledEdit([Buffer.from('x-user')], Buffer.from('x-user: ann\r\n'))
    const policy = { name: 'who', phase: 'authenticate', check: () => ({ request }) } as const
    const policies = new Policies([{ configure: () => {}, of: () => [policy], close: () => {} }])
    const filters = [{ type: 'requestHeaders', set: {}, add: {}, remove: ['x-internal'] }] as const
    const routes = [route('web/0', 'web', '/', { filters })]
    const { client, peers } = await gateway({ routes }, new HttpDataPlane({ policies }))
    client.request(1, post(), false)
    client.headers(1, [['x-user', 'root'], ['x-internal', '1'], ...sum])
    const peer = await asked(peers)
    expect(peer.sections[0]?.fields).toContain('x-user: ann')
    expect(trailersOf(peer)).toEqual(['x-sum: 1', 'x-more: '])
  })

  it.each<[string, Field[]]>([
    ['too many', Array.from({ length: 21 }, (_, index) => [`x-${index}`, 'a'])],
    ['too large', Array.from({ length: 20 }, (_, index) => [`x-${index}`, 'a'.repeat(200)])],
    ['with a pseudo-header field', [[':path', '/other']]],
    ['of a connection', [['transfer-encoding', 'chunked']]],
    ['with a line end', [['x', 'a\r\nb: c']]],
  ])('%s are an error of their stream', async (_name, trailers) => {
    const { client, peers } = await gateway({ limits: { maxHeaders: 20, maxHeadBytes: 2_000 } })
    client.request(1, post(), false)
    client.data(1, 'abc')
    await eventually(() => peers[0]?.body(1).length === 3)
    client.headers(1, trailers)
    expect(await client.reset(1)).toBe(code.protocolError)
    expect(await peers[0]?.reset(1)).toBe(code.cancel)
  })
})
