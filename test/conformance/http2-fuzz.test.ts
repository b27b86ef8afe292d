import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import * as frame from '../../packages/gateway/src/http2/frame-types.js'
import { FrameClient, frameOf, requestFields, sectionOf } from '../gateway/http2-client.js'
import { answering, endpoint, eventually, ok, rawServer, serve } from '../gateway/plane.js'

const stream = fc.integer({ min: 0, max: 9 })
const flags = fc.constantFrom(0, 1, 4, 5, 8, 12, 13, 0x20, 0x25, 0x2d)
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
const sections = [
  sectionOf(requestFields('GET', '/')),
  sectionOf(requestFields('POST', '/slow')),
  sectionOf(requestFields('POST', '/', ['content-length', '3'])),
  sectionOf([[':protocol', 'websocket'], ...requestFields('CONNECT', '/')]),
  sectionOf([['x-trailer', 'a']]),
  Buffer.from('82', 'hex'),
]

/** Frames as they should be, more or less, and frames as they should not. */
const anyFrame = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(stream, fc.constantFrom(...sections), fc.constantFrom(4, 5))
      .map(([id, section, flag]) => frameOf(frame.headersFrame, flag, id, section)),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(stream, bytes, fc.constantFrom(0, 1, 8, 9))
      .map(([id, data, flag]) => frameOf(frame.dataFrame, flag, id, data)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(stream, fc.nat({ max: 0x7fffffff })).map(([id, by]) => {
      const payload = Buffer.alloc(4)
      payload.writeUInt32BE(by)
      return frameOf(frame.windowUpdateFrame, 0, id, payload)
    }),
  },
  { weight: 2, arbitrary: stream.map((id) => frameOf(frame.resetFrame, 0, id, '00000008')) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat({ max: 0xffffff })).map(([id, value]) => {
      const payload = Buffer.alloc(6)
      payload.writeUInt16BE(id)
      payload.writeUInt32BE(value, 2)
      return frameOf(frame.settingsFrame, 0, 0, payload)
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 12 }), flags, stream, bytes)
      .map(([type, flag, id, payload]) => frameOf(type, flag, id, payload)),
  },
  { weight: 1, arbitrary: bytes },
)

it('survives whatever frames, in whatever pieces, and loses no connection to a service or slot by it', async () => {
  const service = await rawServer(answering((head) => (head.includes('/slow') ? '' : ok)))
  const { plane, port } = await serve({ endpoints: [endpoint('web', service.port)], limits: { idleTimeoutMs: 1_000 } })
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyFrame, { maxLength: 30 }),
      fc.array(fc.nat({ max: 2_000 }), { maxLength: 4 }),
      fc.boolean(),
      async (frames, cuts, ends) => {
        const client = new FrameClient(port)
        const all = Buffer.concat(frames)
        const places = [0, ...cuts.filter((cut) => cut < all.length).toSorted((a, b) => a - b), all.length]
        for (const [index, at] of places.slice(0, -1).entries()) {
          client.send(all.subarray(at, places[index + 1]))
          await new Promise((resolve) => setImmediate(resolve))
        }
        if (ends) client.socket.end()
        else client.socket.destroy()
      },
    ),
    { numRuns: 300 },
  )
  const client = new FrameClient(port)
  client.request(1, requestFields('GET', '/'))
  expect((await client.response(1)).fields[0]).toBe(':status: 200')
  client.socket.destroy()
  // Those that ended their sending only are told to go, and wait a little for the other side.
  await eventually(() => plane.connections === 0 && plane.inFlight().size === 0)
  expect(plane.connections).toBe(0)
}, 60_000)
