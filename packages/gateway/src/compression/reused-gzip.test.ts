import { createGzip, type Gzip, gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { ReusedGzip } from './reused-gzip.js'

const text = Buffer.from(JSON.stringify(Array.from({ length: 400 }, (_, id) => ({ id, name: `name ${id % 7}` }))))
/** Bytes that no encoder makes smaller. */
const noise = Buffer.alloc(40_000)
for (let at = 0, state = 1; at < noise.length; at++) {
  state = (state * 48_271) % 2_147_483_647
  noise[at] = state >> 8
}
const decoded = (gzip: ReusedGzip, bytes: Uint8Array): Buffer => gunzipSync(gzip.encode(bytes))

interface Handle {
  writeSync(...args: unknown[]): void
  reset(): void
}
const handleOf = (stream: Gzip): Handle => (stream as unknown as { _handle: Handle })._handle

describe('one encoder for many bodies', () => {
  it('gives each body by itself, whatever its size, from one stream', () => {
    let streams = 0
    const gzip = new ReusedGzip(6, (level) => {
      streams++
      return createGzip({ level })
    })
    for (const body of [text, Buffer.alloc(0), noise, text.subarray(0, 5), text]) {
      expect(decoded(gzip, body).equals(body)).toBe(true)
    }
    expect(gzip.isReusing).toBe(true)
    expect(streams).toBe(1)
    expect(gzip.encode(text).length).toBeLessThan(text.length / 4)
  })

  it.each<[string, (stream: Gzip) => void]>([
    ['have no handle', (stream) => Object.assign(stream, { _handle: null })],
    ['cannot be written to at once', (stream) => Object.assign(stream, { _handle: { reset() {} } })],
    ['do not tell how much is left', (stream) => Object.assign(stream, { _writeState: undefined })],
    ['write nothing', (stream) => Object.assign(handleOf(stream), { writeSync() {} })],
    ['are not reset', (stream) => Object.assign(handleOf(stream), { reset() {} })],
  ])('does without where streams %s', (_, spoil) => {
    const gzip = new ReusedGzip(6, (level) => {
      const stream = createGzip({ level })
      spoil(stream)
      return stream
    })
    for (const body of [text, noise, text]) expect(decoded(gzip, body).equals(body)).toBe(true)
    expect(gzip.isReusing).toBe(false)
  })

  it('does without from the first failure on', () => {
    const streams: Gzip[] = []
    const gzip = new ReusedGzip(6, (level) => {
      const stream = createGzip({ level })
      streams.push(stream)
      return stream
    })
    expect(decoded(gzip, text).equals(text)).toBe(true)
    streams[0]?.destroy()
    for (const body of [noise, text]) expect(decoded(gzip, body).equals(body)).toBe(true)
    expect([gzip.isReusing, streams.length]).toEqual([false, 1])
  })
})
