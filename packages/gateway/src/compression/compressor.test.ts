import { EventEmitter, once } from 'node:events'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { EncoderOwner } from '../http1/response-encoder.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { Compressor, mostAtOnce } from './compressor.js'
import { Encoders } from './encoders.js'

class Owner extends EventEmitter implements EncoderOwner {
  whole: Buffer | null = null
  readonly pieces: Buffer[] = []
  failure: Error | null = null

  onEncoded(bytes: Buffer): void {
    this.pieces.push(bytes)
    this.emit('piece')
  }

  onEncodedWhole(bytes: Uint8Array): void {
    this.whole = Buffer.from(bytes)
  }

  onEncodedEnd(): void {
    this.emit('end')
  }

  onEncoderDrain(): void {}

  onEncoderFailed(cause: Error): void {
    this.failure = cause
  }
}

const edit = new CompiledEdit([], Buffer.alloc(0))
const text = Buffer.from('to be or not to be '.repeat(4_000))
const noBytes = Buffer.alloc(0)

function begin(sizeHint: number, coding = 'gzip', shared = new Encoders()) {
  const owner = new Owner()
  return { owner, shared, compressor: new Compressor({ coding, sizeHint, edit, shared }, owner) }
}

describe('a body of up to 32 KiB', () => {
  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const)('is compressed by %s in the very call that brings its end', (coding, decompress) => {
    const body = text.subarray(0, mostAtOnce)
    const { compressor, owner, shared } = begin(body.length, coding)
    expect(shared.inUse).toBe(1)
    compressor.end(body)
    expect(decompress(owner.whole as Buffer).equals(body)).toBe(true)
    expect([owner.pieces.length, shared.inUse]).toEqual([0, 0])
  })

  it('waits for its end where its length is known, without changing with what it came in', async () => {
    const { compressor, owner } = begin(30)
    const read = Buffer.from('the first ten')
    compressor.write(read.subarray(0, 10))
    read.fill(0)
    await new Promise(setImmediate)
    compressor.write(Buffer.from('and ten more'.slice(0, 10)))
    compressor.end(Buffer.from('and the last'.slice(0, 10)))
    expect(gunzipSync(owner.whole as Buffer).toString()).toBe('the first and ten moand the la')
  })

  it('waits no longer than the read that brought it where its length is not known', async () => {
    const together = begin(-1)
    for (let at = 0; at < 3_000; at += 1_000) together.compressor.write(text.subarray(at, at + 1_000))
    together.compressor.end(noBytes)
    expect(gunzipSync(together.owner.whole as Buffer).equals(text.subarray(0, 3_000))).toBe(true)

    const apart = begin(-1)
    apart.compressor.write(text.subarray(0, 1_000))
    await once(apart.owner, 'piece')
    apart.compressor.end(text.subarray(1_000, 2_000))
    await once(apart.owner, 'end')
    expect(apart.owner.whole).toBeNull()
    expect(gunzipSync(Buffer.concat(apart.owner.pieces)).equals(text.subarray(0, 2_000))).toBe(true)
  })
})

describe('a larger body', () => {
  it.each([text.length, -1])('is never compressed at once, of a length of %d', async (sizeHint) => {
    const { compressor, owner, shared } = begin(sizeHint)
    // All in one turn: the length tells, or the size.
    for (let at = 0; at < text.length; at += 20_000) compressor.write(text.subarray(at, at + 20_000))
    compressor.end(noBytes)
    expect(owner.pieces).toHaveLength(0)
    await once(owner, 'end')
    expect(owner.whole).toBeNull()
    expect(gunzipSync(Buffer.concat(owner.pieces)).equals(text)).toBe(true)
    expect(shared.inUse).toBe(0)
  })

  it('that comes in one piece is not either', async () => {
    const { compressor, owner } = begin(-1)
    compressor.end(text)
    expect(owner.whole).toBeNull()
    await once(owner, 'end')
    expect(gunzipSync(Buffer.concat(owner.pieces)).equals(text)).toBe(true)
  })
})

describe('an encoder that is not wanted any more', () => {
  it.each([1_000, -1, text.length])('tells nobody of what it had, of a length of %d', async (sizeHint) => {
    const { compressor, owner, shared } = begin(sizeHint)
    compressor.write(text.subarray(0, 500))
    compressor.destroy()
    compressor.destroy()
    await new Promise(setImmediate)
    expect([owner.whole, owner.pieces.length, owner.failure, shared.inUse]).toEqual([null, 0, null, 0])
  })

  it('tells of a failure once, and counts no longer', () => {
    const shared = {
      inUse: 0,
      whole(): Uint8Array {
        throw new Error('no memory')
      },
    }
    const owner = new Owner()
    new Compressor({ coding: 'br', sizeHint: 3, edit, shared }, owner).end(Buffer.from('abc'))
    expect([owner.failure?.message, shared.inUse]).toEqual(['no memory', 0])
  })
})
