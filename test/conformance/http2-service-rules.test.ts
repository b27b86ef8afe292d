import type { GatewayConfig } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { code } from '../../packages/gateway/src/http2/error-codes.js'
import * as frame from '../../packages/gateway/src/http2/frame-types.js'
import { streamWindow } from '../../packages/gateway/src/http2/upstream/response-frames.js'
import { frameOf, type FramePeer, frameService, sectionOf } from '../gateway/http2-client.js'
import { Client, endpoint, route, serve, type TableOptions } from '../gateway/plane.js'

/** Rules of RFC 9113 for what services send. Those of a frame by itself: frame-reader.test.ts. */

const services: GatewayConfig['services'] = [{ name: 'web', protocol: 'h2c', balancer: 'round_robin' }]
const { dataFrame, headersFrame, endHeadersFlag, endStreamFlag } = frame
const last = endHeadersFlag | endStreamFlag
const okSection = sectionOf([[':status', '200']])
const answer = frameOf(headersFrame, last, 1, okSection)
const resetFrame = frameOf(frame.resetFrame, 0, 1, '00000008')
const get = 'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n'

async function gateway(extra: Partial<TableOptions> = {}) {
  const service = await frameService()
  const { port } = await serve({ endpoints: [endpoint('web', service.port)], services, ...extra })
  return { port, peers: service.peers }
}

/** The service's side of the one connection, once the request on it has come. */
async function asked({ peers }: { peers: FramePeer[] }, client: Client, stream = 1): Promise<FramePeer> {
  client.send(get)
  while (peers[0] === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  await peers[0].find((each) => each.type === headersFrame && each.stream === stream)
  return peers[0]
}

describe('a service that breaks a rule of the connection is left with GOAWAY', () => {
  it.each<[string, number, Buffer]>([
    ['DATA on an idle stream (5.1)', code.protocolError, frameOf(dataFrame, 0, 3, '00')],
    ['HEADERS on an idle stream (5.1)', code.protocolError, frameOf(headersFrame, last, 3, okSection)],
    ['RST_STREAM on an idle stream (5.1, 6.4)', code.protocolError, frameOf(frame.resetFrame, 0, 3, '00000008')],
    ['WINDOW_UPDATE on an idle stream (5.1)', code.protocolError, frameOf(frame.windowUpdateFrame, 0, 3, '00000001')],
    ['RST_STREAM on a stream of its own (5.1.1)', code.protocolError, frameOf(frame.resetFrame, 0, 2, '00000008')],
    ['PRIORITY of another length on an idle stream', code.frameSizeError, frameOf(frame.priorityFrame, 0, 3, '00')],
  ])('%s', async (_name, errorCode, bytes) => {
    const plane = await gateway({ limits: { maxRetries: 0 } })
    const client = new Client(plane.port)
    const peer = await asked(plane, client)
    peer.send(bytes)
    expect(await peer.goaway()).toBe(errorCode)
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 502 /)
  })
})

describe('a service that breaks a rule of a stream loses that stream alone', () => {
  it.each<[string, number, Buffer[]]>([
    ['DATA behind the end of its answer (5.1, 6.1)', code.streamClosed, [answer, frameOf(dataFrame, 0, 1, '00')]],
    ['HEADERS behind the end of its answer (5.1)', code.streamClosed, [answer, answer]],
    ['DATA behind its RST_STREAM (5.1, 6.1)', code.streamClosed, [resetFrame, frameOf(dataFrame, 0, 1, '00')]],
    ['HEADERS behind its RST_STREAM (5.1)', code.streamClosed, [resetFrame, answer]],
    ['PRIORITY of another length (6.3)', code.frameSizeError, [answer, frameOf(frame.priorityFrame, 0, 1, '00')]],
    ['WINDOW_UPDATE by nothing (6.9)', code.protocolError, [frameOf(frame.windowUpdateFrame, 0, 1, '00000000')]],
    ['DATA before the head of its answer (8.1)', code.protocolError, [frameOf(dataFrame, 0, 1, '00')]],
  ])('%s', async (_name, errorCode, frames) => {
    const plane = await gateway({ limits: { maxRetries: 0 } })
    const client = new Client(plane.port)
    const peer = await asked(plane, client)
    peer.send(...frames)
    expect(await peer.reset(1)).toBe(errorCode)
    await client.ended()
    const next = new Client(plane.port)
    await asked(plane, next, 3)
    peer.headers(3, [[':status', '200']])
    expect(await next.ended()).toMatch(/^HTTP\/1\.1 200 /)
    expect(plane.peers).toHaveLength(1)
  })

  it('at the end of its answer too, while the request goes on (5.1)', async () => {
    const plane = await gateway()
    const client = new Client(plane.port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
    const peer = await asked(plane, new Client(plane.port), 3)
    peer.send(answer, answer)
    expect(await peer.reset(1)).toBe(code.streamClosed)
  })

  it('and nothing is said of what was on its way when the gateway reset it (5.1)', async () => {
    const plane = await gateway()
    const client = new Client(plane.port)
    const peer = await asked(plane, client)
    client.socket.resetAndDestroy()
    expect(await peer.reset(1)).toBe(code.cancel)
    peer.send(frameOf(headersFrame, endHeadersFlag, 1, okSection), frameOf(dataFrame, endStreamFlag, 1, '00'))
    expect(await peer.ping()).toBe(true)
    expect(peer.frames.filter(({ type }) => type === frame.resetFrame)).toHaveLength(1)
  })
})

it('an answer that is whole and not wanted is not reset', async () => {
  const retry = { attempts: 1, on: [503] as const, backoffMs: 0, idempotencyKey: false, idempotent: false }
  const plane = await gateway({ routes: [route('web/0', 'web', '/', { retry })] })
  const client = new Client(plane.port)
  const peer = await asked(plane, client)
  peer.headers(1, [[':status', '503']])
  await peer.find((each) => each.type === headersFrame && each.stream === 3)
  peer.headers(3, [[':status', '200']])
  expect(await client.ended()).toMatch(/^HTTP\/1\.1 200 /)
  expect(await peer.ping()).toBe(true)
  expect(peer.frames.filter(({ type }) => type === frame.resetFrame)).toEqual([])
})

it('frames that are nothing but padding give their room back (6.9.1)', async () => {
  const plane = await gateway()
  const client = new Client(plane.port)
  const peer = await asked(plane, client)
  const padding = frameOf(dataFrame, frame.paddedFlag, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]))
  const overHalf = Array.from({ length: streamWindow / 2 / 256 + 1 }, () => padding)
  peer.headers(1, [[':status', '200']], false)
  // All of it together is more than the window.
  for (let round = 1; round <= 2; round++) {
    peer.send(...overHalf)
    await peer.find(() => peer.window(1, 0) >= (round * streamWindow) / 2)
  }
  peer.data(1, 'ok', true)
  expect(await client.ended()).toMatch(/\r\n2\r\nok\r\n0\r\n\r\n$/)
})
