import { describe, expect, it } from 'vitest'
import { code } from '../../packages/gateway/src/http2/error-codes.js'
import * as frame from '../../packages/gateway/src/http2/frame-types.js'
import { FrameClient, frameOf, requestFields, sectionOf } from './http2-client.js'
import { answering, endpoint, eventually, ok, rawServer, serve, type TableOptions } from './plane.js'

/** A gateway before a service that is silent on `/silent`; `heads` counts what has reached it. */
async function gateway(options: Partial<TableOptions> = {}): Promise<{ port: number; heads: string[] }> {
  const heads: string[] = []
  const service = await rawServer(
    answering((head) => {
      heads.push(head)
      return head.includes('/silent') ? '' : ok
    }),
  )
  const { port } = await serve({ endpoints: [endpoint('web', service.port)], ...options })
  return { port, heads }
}

const { headersFrame, dataFrame, settingsFrame, pingFrame, windowUpdateFrame, resetFrame } = frame
const last = frame.endHeadersFlag | frame.endStreamFlag
const get = sectionOf(requestFields('GET', '/silent'))
const post = sectionOf(requestFields('POST', '/silent'))

/** Sends what `made` makes, a batch a turn, until the connection ends; returns how many were sent and the code of its GOAWAY. */
async function flood(client: FrameClient, made: (index: number) => Buffer, most = 100_000): Promise<[number, number?]> {
  let count = 0
  for (let sent = 0; sent < most && !client.hasEnded && !client.isClosed; sent += 50) {
    client.send(Buffer.concat(Array.from({ length: 50 }, () => made(count++))))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return [count, await client.goaway()]
}

const stream = (index: number): number => index * 2 + 1
const request = (index: number, section = get): Buffer => frameOf(headersFrame, last, stream(index), section)

describe('floods end with ENHANCE_YOUR_CALM', () => {
  it('rapid reset (CVE-2023-44487): and what was reset at once has reached no service', async () => {
    const { port, heads } = await gateway()
    const client = new FrameClient(port)
    const [count, errorCode] = await flood(client, (index) =>
      Buffer.concat([request(index), frameOf(resetFrame, 0, stream(index), '00000008')]),
    )
    expect(errorCode).toBe(code.enhanceYourCalm)
    // What the kernel still took is not what was served.
    expect(count).toBeLessThan(50_000)
    const goaway = await client.find(({ type }) => type === frame.goawayFrame)
    expect(goaway?.payload.readUInt32BE(0)).toBeLessThan(2 * 300)
    expect(heads.length).toBeLessThan(300)
  })

  it.each<[string, (index: number) => Buffer]>([
    ['by WINDOW_UPDATE of nothing', (index) => frameOf(windowUpdateFrame, 0, stream(index), '00000000')],
    ['by a window that is too large', (index) => frameOf(windowUpdateFrame, 0, stream(index), '7fffffff')],
    ['by DATA behind the end', (index) => frameOf(dataFrame, 0, stream(index), '00')],
    ['by HEADERS behind the end', (index) => request(index)],
    ['by PRIORITY of another length', (index) => frameOf(frame.priorityFrame, 0, stream(index), '00')],
  ])('MadeYouReset (CVE-2025-8671) %s', async (_name, mistake) => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    const [, errorCode] = await flood(client, (index) => Buffer.concat([request(index), mistake(index)]))
    expect(errorCode).toBe(code.enhanceYourCalm)
    expect(client.frames.filter(({ type }) => type === resetFrame).length).toBeLessThan(300)
  })

  it.each<[string, Buffer]>([
    ['SETTINGS (CVE-2019-9515)', frameOf(settingsFrame, 0, 0)],
    ['acknowledgements of settings', frameOf(settingsFrame, 1, 0)],
    ['PING (CVE-2019-9512)', frameOf(pingFrame, 0, 0, '0000000000000000')],
    ['answers to PING', frameOf(pingFrame, 1, 0, '0000000000000000')],
    ['PRIORITY (CVE-2019-9513)', frameOf(frame.priorityFrame, 0, 1, '0000000310')],
    ['WINDOW_UPDATE', frameOf(windowUpdateFrame, 0, 0, '00000001')],
    ['frames of unknown types', frameOf(0xbb, 0, 0)],
    ['malformed requests', Buffer.alloc(0)],
  ])('%s', async (name, bytes) => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    const malformed = sectionOf([[':method', 'GET']])
    const [, errorCode] = await flood(client, (index) =>
      name === 'malformed requests' ? request(index, malformed) : bytes,
    )
    expect(errorCode).toBe(code.enhanceYourCalm)
    // Answers are bounded by what is tolerated: 2,000 points and what a second gives back.
    expect(client.frames.length).toBeLessThan(2_500)
  })

  it('which is counted by its code', async () => {
    const { plane, port } = await serve({ endpoints: [] })
    const client = new FrameClient(port)
    await flood(client, () => frameOf(settingsFrame, 0, 0))
    const family = plane.metrics().families.find(({ name }) => name === 'pando_gateway_http2_errors_total')
    expect(JSON.stringify(family)).toContain('ENHANCE_YOUR_CALM')
  })

  it('empty DATA that ends nothing (CVE-2019-9518)', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.send(frameOf(headersFrame, 4, 1, post))
    const [, errorCode] = await flood(client, () => frameOf(dataFrame, 0, 1))
    expect(errorCode).toBe(code.enhanceYourCalm)
  })

  it('CONTINUATION without end (CVE-2024-27316)', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.send(frameOf(headersFrame, 1, 1, get))
    const [count, errorCode] = await flood(client, () => frameOf(9, 0, 1, sectionOf([['x', 'y']])))
    expect(errorCode).toBe(code.enhanceYourCalm)
    expect(count).toBeLessThan(50_000)
  })

  it('streams beyond those allowed: refused, and at last too many', async () => {
    const { port, heads } = await gateway({ limits: { maxConnectionsPerEndpoint: 200 } })
    const client = new FrameClient(port)
    for (let index = 0; index < 130; index++) client.send(request(index))
    expect(await client.reset(stream(128))).toBe(code.refusedStream)
    expect(await client.reset(stream(129))).toBe(code.refusedStream)
    await eventually(() => heads.length === 128)
    let next = 130
    const [, errorCode] = await flood(client, () => request(next++))
    expect(errorCode).toBe(code.enhanceYourCalm)
    expect(heads.length).toBe(128)
  })
})

/** A field that is added to the table. */
function literal(name: string, size: number): Buffer {
  const rest = size - 127
  return Buffer.concat([
    Buffer.from([0x40, name.length]),
    Buffer.from(name),
    Buffer.from([127, (rest & 127) | 128, rest >> 7]),
    Buffer.alloc(size, 'x'),
  ])
}

describe('HPACK bombs', () => {
  it('that are larger than allowed are answered 431, and the connection goes on', async () => {
    const { port, heads } = await gateway()
    const client = new FrameClient(port)
    const bomb = Buffer.concat([get, literal('x-a', 3_900), Buffer.alloc(12, 0xbe)])
    client.send(frameOf(headersFrame, last, 1, bomb))
    expect((await client.response(1)).fields[0]).toBe(':status: 431')
    client.send(
      frameOf(headersFrame, last, 3, Buffer.concat([sectionOf(requestFields('GET', '/')), Buffer.from([0xbe])])),
    )
    expect((await client.response(3)).fields[0]).toBe(':status: 200')
    expect(heads.length).toBe(1)
    expect(heads[0]).toContain(`x-a: ${'x'.repeat(3_900)}\r\n`)
  })

  it('that are many times larger end the connection at once', async () => {
    const { port } = await gateway()
    const client = new FrameClient(port)
    client.send(frameOf(headersFrame, last, 1, Buffer.concat([get, literal('x-a', 3_900), Buffer.alloc(12_000, 0xbe)])))
    expect(await client.goaway()).toBe(code.enhanceYourCalm)
  })
})

describe('slow clients', () => {
  const size = 1024 * 1024
  const large = async (idleTimeoutMs: number): Promise<{ port: number; ended: () => number; open: () => number }> => {
    let ended = 0
    const service = await rawServer((socket) => {
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'z'.repeat(size)}`))
      socket.on('close', () => ended++)
    })
    const { port, plane } = await serve({
      endpoints: [endpoint('web', service.port)],
      limits: { idleTimeoutMs, headTimeoutMs: 300 },
    })
    return { port, ended: () => ended, open: () => plane.connections }
  }

  it('that never open a window lose the stream, and the service its connection', async () => {
    const { port, ended } = await large(200)
    const client = new FrameClient(port, { settings: '0004 00000000' })
    client.request(1, requestFields('GET', '/'))
    expect(await client.reset(1)).toBe(code.internalError)
    await eventually(() => ended() === 1)
    expect(await client.ping()).toBe(true)
  })

  it('that never open a window for an answer that has been read whole lose the stream', async () => {
    const { port } = await gateway({ limits: { idleTimeoutMs: 200 } })
    const client = new FrameClient(port, { settings: '0004 00000000' })
    client.request(1, requestFields('GET', '/'))
    expect(await client.reset(1)).toBe(code.cancel)
    expect(client.sections[0]?.fields[0]).toBe(':status: 200')
    expect(await client.ping()).toBe(true)
  })

  it('that open windows by a byte at a time are told to calm down', async () => {
    const { port } = await large(10_000)
    const client = new FrameClient(port, { settings: '0004 00000000' })
    client.request(1, requestFields('GET', '/'))
    const [count, errorCode] = await flood(client, () => frameOf(windowUpdateFrame, 0, 1, '00000001'))
    expect(errorCode).toBe(code.enhanceYourCalm)
    expect(count).toBeLessThan(50_000)
    expect(client.body(1).length).toBeLessThan(2_500)
  })

  it('that do not read at all are cut off', async () => {
    const { port, open } = await large(300)
    const client = new FrameClient(port, { settings: '0004 7fffffff' })
    client.socket.pause()
    client.send(frameOf(windowUpdateFrame, 0, 0, '7f000000'))
    for (let index = 0; index < 100; index++) client.request(stream(index), requestFields('GET', `/${index}`))
    await eventually(() => open() === 1)
    await eventually(() => open() === 0)
    client.socket.resume()
    await client.find(() => false)
    // The kernel holds the first few, no more.
    expect(client.frames.filter(({ flags, type }) => type === dataFrame && flags === 1).length).toBeLessThan(50)
  })

  it('that do not finish the preface are closed', async () => {
    const { port } = await gateway({ limits: { headTimeoutMs: 200 } })
    const client = new FrameClient(port, { greets: false })
    client.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM'))
    await client.find(() => false)
    expect(client.frames.at(-1)?.type).toBe(frame.goawayFrame)
  })

  it('that do not acknowledge our settings are closed (6.5.3)', async () => {
    const { port } = await gateway({ limits: { headTimeoutMs: 200 } })
    const client = new FrameClient(port, { greets: false })
    client.send(Buffer.from(frame.preface), frameOf(settingsFrame, 0, 0))
    expect(await client.goaway()).toBe(code.settingsTimeout)
  })

  it('that begin a field section and do not go on are closed', async () => {
    const { port } = await gateway({ limits: { headTimeoutMs: 200 } })
    const client = new FrameClient(port)
    client.send(frameOf(headersFrame, 1, 1, get))
    expect(await client.goaway()).toBe(code.enhanceYourCalm)
  })

  it('that begin a frame and do not go on are closed', async () => {
    const { port } = await gateway({ limits: { headTimeoutMs: 200 } })
    const client = new FrameClient(port)
    client.send(frameOf(pingFrame, 0, 0, '0000000000000000').subarray(0, 12))
    expect(await client.goaway()).toBe(code.enhanceYourCalm)
  })

  it('are not those whose every read ends in the middle of a frame', async () => {
    const { port } = await gateway({ limits: { headTimeoutMs: 1_000 } })
    const client = new FrameClient(port)
    const ping = frameOf(pingFrame, 0, 0, '0000000000000000')
    client.send(ping.subarray(0, 12))
    const until = performance.now() + 2_500
    while (performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      client.send(ping.subarray(12), ping.subarray(0, 12))
    }
    client.send(ping.subarray(12))
    expect(await client.ping()).toBe(true)
  })

  it('that promise a body and send none get 408 for it', async () => {
    const { port } = await gateway({ limits: { idleTimeoutMs: 200 } })
    const client = new FrameClient(port)
    client.request(1, requestFields('POST', '/silent'), false)
    expect((await client.response(1)).fields[0]).toBe(':status: 408')
    expect(await client.reset(1)).toBe(code.noError)
    expect(await client.ping()).toBe(true)
  })

  it('that have nothing open for long are told to go (GOAWAY without an error)', async () => {
    const { port } = await gateway({ limits: { keepAliveTimeoutMs: 200 } })
    const client = new FrameClient(port)
    client.request(1, requestFields('GET', '/'))
    await client.response(1)
    expect(await client.goaway()).toBe(code.noError)
    await client.find(() => false)
    expect(client.hasEnded).toBe(true)
  })
})
