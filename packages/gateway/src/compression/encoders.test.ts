import { brotliDecompressSync, createGzip, type Gzip, gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { EncodingStream } from './encode-now.js'
import { Encoders } from './encoders.js'

const text = Buffer.from(JSON.stringify(Array.from({ length: 400 }, (_, id) => ({ id, name: `name ${id % 7}` }))))
const bodies = [text, Buffer.alloc(0), Buffer.alloc(40_000, 'x'), text.subarray(0, 5), text]

interface Handle {
  writeSync(...args: unknown[]): void
  reset(): void
}
const handleOf = (stream: Gzip): Handle => (stream as unknown as { _handle: Handle })._handle

/** Encoders, and the streams that they have made, the first of them for trying out. */
function counted(spoil: (stream: Gzip) => void = () => {}) {
  const made: Gzip[] = []
  const encoders = new Encoders((level) => {
    const stream = createGzip({ level })
    spoil(stream)
    made.push(stream)
    return stream
  })
  return { encoders, made }
}

describe('whole bodies', () => {
  it('are encoded each by itself, by one stream', () => {
    const { encoders, made } = counted()
    for (const body of bodies) expect(gunzipSync(encoders.whole('gzip', body)).equals(body)).toBe(true)
    for (const body of bodies) expect(brotliDecompressSync(encoders.whole('br', body)).equals(body)).toBe(true)
    expect(made).toHaveLength(2)
    expect(made[1]?.destroyed).toBe(false)
    expect(encoders.whole('gzip', text).length).toBeLessThan(text.length / 4)
  })

  it.each<[string, (stream: Gzip) => void]>([
    ['have no handle', (stream) => Object.assign(stream, { _handle: null })],
    ['cannot be written to at once', (stream) => Object.assign(stream, { _handle: { reset() {} } })],
    ['do not tell how much is left', (stream) => Object.assign(stream, { _writeState: undefined })],
    ['take nothing', (stream) => Object.assign(handleOf(stream), { writeSync() {} })],
    ['are not reset', (stream) => Object.assign(handleOf(stream), { reset() {} })],
  ])('are encoded the documented way where streams %s', (_, spoil) => {
    const { encoders } = counted(spoil)
    for (const body of bodies) expect(gunzipSync(encoders.whole('gzip', body)).equals(body)).toBe(true)
    expect(encoders.canEncodeNow).toBe(false)
  })

  it('are encoded the documented way from the first failure on, that body too', () => {
    const { encoders, made } = counted()
    expect(gunzipSync(encoders.whole('gzip', text)).equals(text)).toBe(true)
    // It looks as if it were well.
    Object.assign(handleOf(made[1] as Gzip), { writeSync() {} })
    for (const body of bodies) expect(gunzipSync(encoders.whole('gzip', body)).equals(body)).toBe(true)
    expect([encoders.canEncodeNow, made.length]).toEqual([false, 2])
  })
})

const takeMany = (encoders: Encoders): EncodingStream[] =>
  Array.from({ length: 20 }, () => {
    encoders.begin()
    return encoders.take('gzip', -1)
  })

describe('encoders that have done their work', () => {
  it('serve again, and are let go of when nobody is at work, but for one', () => {
    const { encoders, made } = counted()
    encoders.begin()
    for (let turn = 0; turn < 2; turn++) {
      for (const stream of takeMany(encoders)) {
        encoders.give('gzip', stream)
        encoders.end()
      }
    }
    // 16 of the 20 are kept.
    expect(made).toHaveLength(24)
    const alive = (): number => made.filter(({ destroyed }) => !destroyed).length
    expect(alive()).toBe(16)
    encoders.end()
    expect(alive()).toBe(1)
  })

  it('are not given to anybody when they have failed, nor those of Brotli, which would forget their quality', () => {
    const { encoders, made } = counted()
    const failed = encoders.take('gzip', -1).destroy()
    encoders.give('gzip', failed)
    const brotli = encoders.take('br', -1)
    encoders.give('br', brotli)
    expect(brotli.destroyed).toBe(true)
    expect(encoders.take('gzip', -1)).not.toBe(failed)
    expect(made).toHaveLength(2)
  })
})
