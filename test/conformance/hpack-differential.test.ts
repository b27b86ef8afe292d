import { once } from 'node:events'
import { connect, type OutgoingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { FrameReader, type FrameSink } from '../../packages/gateway/src/http2/frame-reader.js'
import * as frame from '../../packages/gateway/src/http2/frame-types.js'
import { decoded, HpackDecoder } from '../../packages/gateway/src/http2/hpack/decoder.js'
import { fieldOverhead, HpackEncoder } from '../../packages/gateway/src/http2/hpack/encoder.js'
import { LineBuffer } from '../../packages/gateway/src/http2/hpack/line-buffer.js'
import { frameOf } from '../gateway/http2-client.js'
import { cleanUp } from '../gateway/plane.js'

const nothing = (): void => {}

/**
 * The barest server: decodes what node:http2 has encoded, and answers with the very same fields, encoded by ours. So what the client gets is
 * what it sent only if both our directions agree with nghttp2's, over many sections of one connection.
 */
function answer(socket: Socket): void {
  const decoder = new HpackDecoder(4096)
  const encoder = new HpackEncoder()
  const sink: FrameSink = {
    onSection(stream, bytes, start, end) {
      const lines = new LineBuffer()
      const fields = { onField: nothing }
      const outcome = decoder.decode(bytes, start, end, { lines, sink: fields, maxListSize: 1_000_000 })
      const text = lines.bytes.toString('latin1', 0, lines.length)
      const out = Buffer.alloc(lines.length + 50 * fieldOverhead + 100)
      let to = encoder.status(out, encoder.begin(out, 0), outcome === decoded ? 200 : 500)
      for (const line of text.split('\r\n')) {
        const colon = line.indexOf(': ')
        if (colon <= 0 || line.startsWith(':')) continue
        const bytes = Buffer.from(line, 'latin1')
        to = encoder.field(out, to, bytes, 0, colon, bytes, colon + 2, bytes.length)
      }
      socket.write(frameOf(frame.headersFrame, frame.endHeadersFlag | frame.endStreamFlag, stream, out.subarray(0, to)))
    },
    onSettings(bytes, start, end) {
      for (let at = start; at < end; at += 6) {
        const value = Buffer.from(bytes.subarray(at, at + 6)).readUInt32BE(2)
        if (bytes[at + 1] === 1) encoder.limitTable(value)
      }
      socket.write(frameOf(frame.settingsFrame, 1, 0))
    },
    onDataStart: nothing,
    onData: nothing,
    onDataEnd: nothing,
    onPriority: nothing,
    onReset: nothing,
    onSettingsAck: nothing,
    onPing: nothing,
    onGoaway: nothing,
    onWindowUpdate: nothing,
    onUnknown: nothing,
    onStreamError: () => socket.destroy(),
    onConnectionError: () => socket.destroy(),
  }
  const reader = new FrameReader(sink, { reads: 'client', maxSectionBytes: 100_000 })
  socket.on('data', (chunk: Buffer) => reader.read(chunk, 0, chunk.length))
  socket.on('error', nothing)
  socket.write(frameOf(frame.settingsFrame, 0, 0))
}

const name = fc.constantFrom(
  'accept',
  'user-agent',
  'x-one',
  'x-two',
  'etag',
  'authorization',
  'x-long'.repeat(20),
  'date',
)
const value = fc.oneof(
  fc.constantFrom('a', 'text/html', 'gzip, deflate', ''),
  fc.string({ maxLength: 120, unit: fc.integer({ min: 0x21, max: 0x7e }).map((byte) => String.fromCharCode(byte)) }),
  fc.integer({ min: 1, max: 600 }).map((length) => 'z'.repeat(length)),
)
const fields = fc.dictionary(name, value, { maxKeys: 8 })

it.each([4096, 0, 200])('agrees with node:http2 in both directions, its table of %i bytes', async (headerTableSize) => {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(() => server.close())
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    settings: { headerTableSize },
  })
  cleanUp(() => client.destroy())
  const echo = (headers: OutgoingHttpHeaders): Promise<OutgoingHttpHeaders> =>
    new Promise((resolve, reject) => {
      const stream = client.request(headers)
      stream.on('response', ({ ':status': status, ...rest }) => resolve(status === 200 ? rest : { status }))
      stream.on('error', reject)
      stream.resume()
    })
  await fc.assert(
    fc.asyncProperty(fields, async (headers) => {
      expect(Object.fromEntries(Object.entries(await echo(headers)))).toEqual({ ...headers })
    }),
    { numRuns: 300 },
  )
})
