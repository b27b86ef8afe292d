import { constants, createBrotliCompress, createGzip, brotliDecompressSync, gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { EncodeNow } from './encode-now.js'

/** Bytes that no encoder makes smaller. */
const noise = Buffer.alloc(300_000)
for (let at = 0, state = 1; at < noise.length; at++) {
  state = (state * 48_271) % 2_147_483_647
  noise[at] = state >> 8
}

it('gives all of what has become larger than its room', () => {
  const now = new EncodeNow()
  const gzip = now.encode(createGzip(), noise, constants.Z_FINISH)
  expect(gunzipSync(gzip).equals(noise)).toBe(true)
  const brotli = now.encode(createBrotliCompress(), noise, constants.BROTLI_OPERATION_FINISH)
  expect(brotliDecompressSync(brotli).equals(noise)).toBe(true)
})

it('leaves a stream that can be used as one', async () => {
  const now = new EncodeNow()
  const stream = createGzip()
  const pieces = [Buffer.from(now.encode(stream, noise.subarray(0, 100_000), constants.Z_NO_FLUSH))]
  pieces.push(Buffer.from(now.encode(stream, noise.subarray(100_000, 100_001), constants.Z_SYNC_FLUSH)))
  stream.write(noise.subarray(100_001, 200_000))
  stream.end(noise.subarray(200_000))
  for await (const piece of stream) pieces.push(Buffer.from(piece as Buffer))
  expect(gunzipSync(Buffer.concat(pieces)).equals(noise)).toBe(true)
})

it('says that a stream is of no use any more', () => {
  const stream = createGzip()
  stream.destroy()
  expect(() => new EncodeNow().encode(stream, noise, constants.Z_FINISH)).toThrow(/null|undefined|has not done it/)
})
