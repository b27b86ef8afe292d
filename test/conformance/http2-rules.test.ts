import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { code } from '../../packages/gateway/src/http2/error-codes.js'
import * as frame from '../../packages/gateway/src/http2/frame-types.js'
import { type Field, FrameClient, frameOf, requestFields, sectionOf } from '../gateway/http2-client.js'
import { answering, endpoint, ok, rawServer, serve } from '../gateway/plane.js'

/** Rules of RFC 9113 that need a connection: what frames mean for streams, windows and requests. Those of a frame by itself: frame-reader.test.ts. */

/** Requests that reached the service. */
async function gateway(): Promise<{ port: number; heads: string[]; sockets: Socket[] }> {
  const heads: string[] = []
  const service = await rawServer(
    answering((head) => {
      heads.push(head)
      return head.includes('/silent') ? '' : ok
    }),
  )
  const { port } = await serve({ endpoints: [endpoint('web', service.port)] })
  return { port, heads, sockets: service.sockets }
}

const { headersFrame, dataFrame, endHeadersFlag, endStreamFlag } = frame
const get = sectionOf(requestFields('GET', '/silent'))
const post = sectionOf(requestFields('POST', '/silent'))
const open = frameOf(headersFrame, endHeadersFlag, 1, post)
const halfClosed = frameOf(headersFrame, endHeadersFlag | endStreamFlag, 1, get)
const last = endHeadersFlag | endStreamFlag

describe('connection errors', () => {
  it.each<[string, number, Buffer[]]>([
    ['an even stream (5.1.1)', code.protocolError, [frameOf(headersFrame, last, 2, get)]],
    ['DATA on an idle stream (5.1)', code.protocolError, [frameOf(dataFrame, 0, 1, '00')]],
    ['RST_STREAM on an idle stream (5.1, 6.4)', code.protocolError, [frameOf(frame.resetFrame, 0, 1, '00000008')]],
    ['WINDOW_UPDATE on an idle stream (5.1)', code.protocolError, [frameOf(frame.windowUpdateFrame, 0, 1, '00000001')]],
    ['WINDOW_UPDATE on an even stream (5.1)', code.protocolError, [frameOf(frame.windowUpdateFrame, 0, 2, '00000001')]],
    [
      'a window of the connection over 2^31-1 (6.9.1)',
      code.flowControlError,
      [frameOf(frame.windowUpdateFrame, 0, 0, '7fffffff')],
    ],
    [
      "a stream's window made too large by SETTINGS (6.9.2)",
      code.flowControlError,
      [halfClosed, frameOf(frame.windowUpdateFrame, 0, 1, '7fff0000'), frameOf(4, 0, 0, '0004 7fffffff')],
    ],
    ['a setting that is not valid (6.5.2)', code.protocolError, [frameOf(4, 0, 0, '0002 00000002')]],
    ['an initial window over 2^31-1 (6.5.2)', code.flowControlError, [frameOf(4, 0, 0, '0004 80000000')]],
    ['what is not HPACK (4.3)', code.compressionError, [frameOf(headersFrame, last, 1, 'be')]],
    ['a table larger than allowed (RFC 7541 6.3)', code.compressionError, [frameOf(headersFrame, last, 1, '3fe21f')]],
    ['an error that a frame makes by itself', code.frameSizeError, [frameOf(frame.pingFrame, 0, 0, '00')]],
    ['CONTINUATION of nothing', code.protocolError, [frameOf(frame.continuationFrame, 4, 1, get)]],
    [
      'HEADERS on a stream that the client has reset itself (5.1)',
      code.streamClosed,
      [open, frameOf(frame.resetFrame, 0, 1, '00000008'), frameOf(headersFrame, last, 1, get)],
    ],
    [
      'DATA on a stream that the client has reset itself (5.1)',
      code.streamClosed,
      [open, frameOf(frame.resetFrame, 0, 1, '00000008'), frameOf(dataFrame, 0, 1, '00')],
    ],
    [
      'a stream with a smaller number than one before (5.1.1)',
      code.streamClosed,
      [frameOf(headersFrame, last, 5, get), frameOf(headersFrame, last, 3, get)],
    ],
  ])('%s', async (_name, errorCode, frames) => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.send(...frames)
    expect(await client.goaway()).toBe(errorCode)
    await client.find(() => false)
    expect(client.hasEnded).toBe(true)
  })

  it('GOAWAY names the last stream that was taken (6.8)', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.request(7, requestFields('GET', '/'))
    await client.response(7)
    client.send(frameOf(frame.pingFrame, 0, 0, '00'))
    const goaway = await client.find(({ type }) => type === frame.goawayFrame)
    expect(goaway?.payload.readUInt32BE(0)).toBe(7)
  })
})

describe('stream errors', () => {
  it.each<[string, number, Buffer[]]>([
    ['DATA on a half-closed stream (5.1)', code.streamClosed, [halfClosed, frameOf(dataFrame, 0, 1, '00')]],
    ['HEADERS on a half-closed stream (5.1)', code.streamClosed, [halfClosed, frameOf(headersFrame, last, 1, get)]],
    [
      'a window of a stream over 2^31-1 (6.9.1)',
      code.flowControlError,
      [halfClosed, frameOf(frame.windowUpdateFrame, 0, 1, '7fffffff')],
    ],
    [
      'WINDOW_UPDATE by nothing (6.9)',
      code.protocolError,
      [halfClosed, frameOf(frame.windowUpdateFrame, 0, 1, '00000000')],
    ],
    ['PRIORITY of another length (6.3)', code.frameSizeError, [halfClosed, frameOf(frame.priorityFrame, 0, 1, '00')]],
    [
      'a stream that depends on itself',
      code.protocolError,
      [frameOf(headersFrame, last | 0x20, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 1]), get]))],
    ],
    ['HEADERS in the middle that do not end (8.1)', code.protocolError, [open, frameOf(headersFrame, 4, 1, '')]],
    [
      'trailers with a pseudo-header field (8.1)',
      code.protocolError,
      [open, frameOf(headersFrame, last, 1, sectionOf([[':path', '/']]))],
    ],
    [
      'trailers of a connection (8.2.2)',
      code.protocolError,
      [open, frameOf(headersFrame, last, 1, sectionOf([['connection', 'close']]))],
    ],
  ])('%s', async (_name, errorCode, frames) => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.send(...frames)
    expect(await client.reset(1)).toBe(errorCode)
    client.request(3, requestFields('GET', '/'))
    expect((await client.response(3)).fields[0]).toBe(':status: 200')
  })

  it('more data than the window of the stream allows (6.9)', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    const chunk = frameOf(dataFrame, 0, 1, Buffer.alloc(16_000))
    client.send(open, ...Array.from({ length: 70 }, () => chunk))
    // That of the connection is larger, and data that is thrown away is given back to it.
    expect(await client.reset(1)).toBe(code.flowControlError)
    expect(await client.ping()).toBe(true)
  })

  it('ignores what was on its way when it reset a stream (5.1)', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.send(halfClosed, frameOf(dataFrame, 0, 1, '00'))
    await client.reset(1)
    client.send(
      frameOf(dataFrame, 0, 1, '00'),
      frameOf(headersFrame, last, 1, get),
      frameOf(frame.windowUpdateFrame, 0, 1, '00000001'),
      frameOf(frame.resetFrame, 0, 1, '00000008'),
    )
    expect(await client.ping()).toBe(true)
  })
})

function fields(...more: Field[]): Field[] {
  return requestFields('GET', '/', ...more)
}

function without(name: string): Field[] {
  return fields().filter(([each]) => each !== name)
}

describe('requests that are malformed (8.1.1) are reset and reach no service', () => {
  it.each<[string, Field[]]>([
    ['a name in upper case (8.2.1)', fields(['X-Upper', 'a'])],
    ['a name with a space (8.2.1)', fields(['x y', 'a'])],
    ['an empty name (8.2.1)', fields(['', 'a'])],
    ['a name with a colon (8.2.1)', fields(['x:y', 'a'])],
    ['a value with NUL (8.2.1)', fields(['x', 'a\0b'])],
    ['a value with a line of its own (8.2.1)', fields(['x', 'a\r\nhost: b'])],
    ['a value with LF (8.2.1)', fields(['x', 'a\nb'])],
    ['a value with a space before it (8.2.1)', fields(['x', ' a'])],
    ['connection (8.2.2)', fields(['connection', 'x'])],
    ['keep-alive (8.2.2)', fields(['keep-alive', 'x'])],
    ['proxy-connection (8.2.2)', fields(['proxy-connection', 'x'])],
    ['transfer-encoding (8.2.2)', fields(['transfer-encoding', 'chunked'])],
    ['upgrade (8.2.2)', fields(['upgrade', 'websocket'])],
    ['te that is not trailers (8.2.2)', fields(['te', 'gzip'])],
    ['no :method (8.3.1)', without(':method')],
    ['no :scheme (8.3.1)', without(':scheme')],
    ['no :path (8.3.1)', without(':path')],
    ['an empty :path (8.3.1)', requestFields('GET', '')],
    ['a :path that is none (8.3.1)', requestFields('GET', 'http://other/')],
    ['a :path of * with GET (8.3.1)', requestFields('GET', '*')],
    ['a :path with a space', requestFields('GET', '/ HTTP/1.1')],
    ['a :method with a space', requestFields('GET /other', '/')],
    ['an empty :method', requestFields('', '/')],
    ['another :scheme', [...without(':scheme'), [':scheme', 'ftp']]],
    ['an empty :authority (8.3.1)', [...without(':authority'), [':authority', '']]],
    ['two :path (8.3)', [[':path', '/'], ...fields()]],
    ['two :authority (8.3)', [[':authority', 'localhost'], ...fields()]],
    ['a pseudo-header field behind others (8.3)', [...without(':path'), ['x', 'a'], [':path', '/']]],
    ['one that is not defined (8.3)', [[':other', 'x'], ...fields()]],
    ['one of responses (8.3.1)', [[':status', '200'], ...fields()]],
    ['a host that differs from :authority (8.3.1)', fields(['host', 'other'])],
    ['two hosts', fields(['host', 'localhost'], ['host', 'localhost'])],
    ['CONNECT with :path (8.5)', requestFields('CONNECT', '/')],
    ['CONNECT without :authority (8.5)', [[':method', 'CONNECT']]],
    [':protocol without CONNECT (RFC 8441 4)', [[':protocol', 'websocket'], ...fields()]],
    ['a length of a body that never comes (8.1.1)', fields(['content-length', '5'])],
  ])('%s', async (_name, request) => {
    const { port, heads } = await gateway()
    const client = new FrameClient(port)
    client.request(1, request)
    expect(await client.reset(1)).toBe(code.protocolError)
    expect(await client.ping()).toBe(true)
    expect(heads).toEqual([])
  })

  it.each<[string, string, Field[]]>([
    ['a host that is none', '400', [...without(':authority'), [':authority', 'user@localhost']]],
    ['no host at all', '400', without(':authority')],
    ['two lengths', '400', fields(['content-length', '0'], ['content-length', '0'])],
    ['a length that is none', '400', fields(['content-length', '+1'])],
    ['a path that climbs out', '400', requestFields('GET', '/../..')],
    [
      'CONNECT',
      '501',
      [
        [':method', 'CONNECT'],
        [':authority', 'localhost:1'],
      ],
    ],
    ['a target that is too long', '414', requestFields('GET', `/${'x'.repeat(9_000)}`)],
    ['too many fields', '431', fields(...Array.from({ length: 120 }, (_, index): Field => [`x-${index}`, 'a']))],
    ['fields that are too large', '431', fields(['x', 'y'.repeat(40_000)])],
  ])('by the rules that HTTP/1.1 has too, they are answered: %s', async (_name, status, request) => {
    const { port, heads } = await gateway()
    const client = new FrameClient(port)
    const bytes = sectionOf(request)
    const first = bytes.subarray(0, 16_000)
    const rest = Array.from({ length: Math.ceil(bytes.length / 16_000) - 1 }, (_, index) =>
      bytes.subarray((index + 1) * 16_000, (index + 2) * 16_000),
    )
    client.send(
      frameOf(headersFrame, rest.length === 0 ? last : endStreamFlag, 1, first),
      ...rest.map((part, index) => frameOf(9, index === rest.length - 1 ? 4 : 0, 1, part)),
    )
    expect((await client.response(1)).fields[0]).toBe(`:status: ${status}`)
    expect(heads).toEqual([])
  })
})

describe('content-length', () => {
  it.each([
    ['more data than it says', '3', ['ab', 'cd'], false],
    ['less data than it says', '3', ['a', 'b'], true],
    ['data although it is 0', '0', ['a'], false],
  ])(
    'resets a request with %s (8.1.1), which then is not whole for the service',
    async (_name, length, parts, isEnd) => {
      const { port, heads, sockets } = await gateway()
      const client = new FrameClient(port)
      client.request(1, requestFields('POST', '/', ['content-length', length]), false)
      for (const [index, part] of parts.entries()) client.data(1, part, isEnd && index === parts.length - 1)
      expect(await client.reset(1)).toBe(code.protocolError)
      await client.ping()
      expect(client.sections).toEqual([])
      // It may have seen the head; then its connection ends before the body does.
      expect(heads.length).toBeLessThanOrEqual(1)
      expect(sockets.length).toBeLessThanOrEqual(1)
    },
  )

  it('counts data, not padding', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.request(1, requestFields('POST', '/', ['content-length', '1']), false)
    client.send(frameOf(dataFrame, 9, 1, '03 61 000000'))
    expect((await client.response(1)).fields[0]).toBe(':status: 200')
  })
})

describe('what is right although it is odd', () => {
  it.each<[string, Field[], string]>([
    ['a host that is the same as :authority', requestFields('GET', '/', ['host', 'LOCALHOST']), 'Host: localhost'],
    [
      'a host instead of :authority',
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/'],
        ['host', 'a.test'],
      ],
      'Host: a.test',
    ],
    [
      'pseudo-header fields in another order',
      [
        [':path', '/odd'],
        [':authority', 'b'],
        [':scheme', 'https'],
        [':method', 'GET'],
      ],
      'GET /odd HTTP/1.1',
    ],
    [
      'cookies in crumbs',
      requestFields('GET', '/', ['cookie', 'a=1'], ['x-between', 'y'], ['cookie', 'b=2'], ['cookie', 'c=3']),
      'cookie: a=1; b=2; c=3',
    ],
    ['OPTIONS of everything', requestFields('OPTIONS', '*'), 'OPTIONS * HTTP/1.1'],
    ['te: trailers', requestFields('GET', '/', ['te', 'trailers']), 'GET / HTTP/1.1'],
    ['a value with nothing in it', requestFields('GET', '/', ['x-empty', '']), 'x-empty: \r\n'],
    ['a value of any bytes above 127', requestFields('GET', '/', ['x-odd', 'é\u00ff']), 'x-odd: é\u00ff\r\n'],
  ])('%s', async (_name, request, line) => {
    const { port, heads } = await gateway()
    const client = new FrameClient(port)
    client.request(1, request)
    expect((await client.response(1)).fields[0]).toBe(':status: 200')
    expect(heads[0]).toContain(line)
  })

  it('trailers', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.request(1, requestFields('POST', '/'), false)
    client.data(1, 'abc')
    client.send(frameOf(headersFrame, last, 1, sectionOf([['x-trailer', 'a']])))
    expect((await client.response(1)).fields[0]).toBe(':status: 200')
  })

  it('PRIORITY on any stream, unknown frames, PING answers, settings again and again', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.send(
      frameOf(frame.priorityFrame, 0, 9, '0000000110'),
      frameOf(0xfa, 0xff, 9, '00'),
      frameOf(frame.pingFrame, 1, 0, '0000000000000000'),
      frameOf(4, 0, 0, '0001 00000000'),
      frameOf(4, 0, 0, '0001 00001000'),
    )
    client.request(1, requestFields('GET', '/'))
    expect((await client.response(1)).fields[0]).toBe(':status: 200')
    const acknowledged = client.frames.filter(({ type, flags }) => type === 4 && flags === 1)
    expect(acknowledged.length).toBe(3)
  })

  it('a window that SETTINGS make negative and WINDOW_UPDATE open again (6.9.2)', async () => {
    const { port: service } = await rawServer(
      answering(() => `HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n${'z'.repeat(300)}`),
    )
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port, { settings: '0004 00000064' })
    client.request(1, requestFields('GET', '/'))
    await client.find(({ type }) => type === dataFrame)
    client.send(frameOf(4, 0, 0, '0004 00000032'), frameOf(frame.windowUpdateFrame, 0, 1, '00000032'))
    await client.ping()
    expect(client.body(1).length).toBe(100)
    client.send(frameOf(frame.windowUpdateFrame, 0, 1, '0000000a'))
    await client.ping()
    expect(client.body(1).length).toBe(110)
    client.send(frameOf(4, 0, 0, '0004 0000ffff'))
    expect((await client.response(1)).body).toBe('z'.repeat(300))
  })
})
