import { EventEmitter, once } from 'node:events'
import { brotliDecompressSync, createGzip, gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { EncoderOwner } from '../http1/response-encoder.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { readBytes } from '../http1/outputs.js'
import { Compressor, mostAtOnce, mostOnLoop } from './compressor.js'
import { Encoders } from './encoders.js'

class Owner extends EventEmitter implements EncoderOwner {
  /** What came from the loop, and from threads. */
  readonly now: Buffer[] = []
  readonly later: Buffer[] = []
  isEnded = false
  drains = 0
  failure: Error | null = null

  get encoded(): Buffer {
    return Buffer.concat([...this.now, ...this.later])
  }

  onEncodedNow(bytes: Uint8Array, isLast: boolean): void {
    this.now.push(Buffer.from(bytes))
    this.emit('piece')
    if (isLast) this.onEncodedEnd()
  }

  onEncoded(bytes: Buffer): void {
    this.later.push(bytes)
    this.emit('piece')
  }

  onEncodedEnd(): void {
    this.isEnded = true
    this.emit('end')
  }

  onEncoderDrain(): void {
    this.drains++
    this.emit('drain')
  }

  onEncoderFailed(cause: Error): void {
    this.failure = cause
  }
}

const edit = new CompiledEdit([], Buffer.alloc(0))
const text = Buffer.from(Array.from({ length: 120_000 }, (_, id) => `line ${id} `).join(''))
const noBytes = Buffer.alloc(0)

function begin(sizeHint: number, coding = 'gzip', encoders = new Encoders()) {
  const owner = new Owner()
  return { owner, encoders, compressor: new Compressor({ coding, sizeHint, edit, encoders }, owner) }
}

/** Gives a body as its service would that is stopped in time. */
async function giveAll({ compressor, owner }: ReturnType<typeof begin>, body: Buffer): Promise<void> {
  for (let at = 0; at < body.length; at += 30_000) {
    compressor.write(body.subarray(at, at + 30_000))
    if (compressor.isFull) await once(owner, 'drain')
  }
  const ended = once(owner, 'end')
  compressor.end(noBytes)
  await ended
}

describe('a body of up to 32 KiB', () => {
  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const)('is compressed by %s in the very call that brings its end', (coding, decompress) => {
    const body = text.subarray(0, mostAtOnce)
    const { compressor, owner, encoders } = begin(body.length, coding)
    expect(encoders.inUse).toBe(1)
    compressor.end(body)
    expect(decompress(owner.encoded).equals(body)).toBe(true)
    expect([owner.isEnded, owner.now.length, encoders.inUse]).toEqual([true, 1, 0])
  })

  it('waits for its end where its length is known, without changing with what it came in', async () => {
    const { compressor, owner } = begin(30)
    const read = Buffer.from('the first ten')
    compressor.write(read.subarray(0, 10))
    read.fill(0)
    await new Promise(setImmediate)
    compressor.write(Buffer.from('and ten more'.slice(0, 10)))
    compressor.end(Buffer.from('and the last'.slice(0, 10)))
    expect(owner.now).toHaveLength(1)
    expect(gunzipSync(owner.encoded).toString()).toBe('the first and ten moand the la')
  })

  it('waits no longer than the read that brought it where its length is not known', async () => {
    const together = begin(-1)
    for (let at = 0; at < 3_000; at += 1_000) together.compressor.write(text.subarray(at, at + 1_000))
    together.compressor.end(noBytes)
    expect(together.owner.now).toHaveLength(1)
    expect(gunzipSync(together.owner.encoded).equals(text.subarray(0, 3_000))).toBe(true)

    const apart = begin(-1)
    apart.compressor.write(text.subarray(0, 1_000))
    await once(apart.owner, 'piece')
    expect(gunzipSync(apart.owner.encoded, { finishFlush: 2 }).equals(text.subarray(0, 1_000))).toBe(true)
    apart.compressor.end(text.subarray(1_000, 2_000))
    expect(gunzipSync(apart.owner.encoded).equals(text.subarray(0, 2_000))).toBe(true)
  })
})

describe('a larger body', () => {
  const codings = [
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const
  const medium = text.subarray(0, mostOnLoop)

  it.each(
    codings.flatMap(([coding, decompress]) => [medium.length, -1].map((size) => [coding, size, decompress] as const)),
  )('of up to 128 KiB is compressed on the loop, with its other work between: %s, length %d', async (...each) => {
    const [coding, sizeHint, decompress] = each
    const begun = begin(sizeHint, coding)
    await giveAll(begun, medium)
    const { owner, encoders } = begun
    expect(decompress(owner.encoded).equals(medium)).toBe(true)
    expect(owner.later).toHaveLength(0)
    expect(owner.drains).toBeGreaterThanOrEqual(3)
    expect(encoders.inUse).toBe(0)
  })

  it.each(codings)('goes on in threads when it is more than it may be: %s', async (coding, decompress) => {
    const begun = begin(-1, coding)
    await giveAll(begun, text)
    const { owner } = begun
    expect(text.length).toBeGreaterThan(mostOnLoop)
    expect(decompress(owner.encoded).equals(text)).toBe(true)
    expect([owner.now.length, owner.later.length > 10]).toEqual([4, true])
  })

  it('that says to be more is never on the loop', async () => {
    const begun = begin(text.length)
    await giveAll(begun, text)
    expect(gunzipSync(begun.owner.encoded).equals(text)).toBe(true)
    expect(begun.owner.now).toHaveLength(0)
  })

  it('that cannot be stopped leaves the loop after 64 KiB in one turn', async () => {
    const { compressor, owner } = begin(medium.length)
    for (let at = 0; at < medium.length; at += 20_000) compressor.write(medium.subarray(at, at + 20_000))
    compressor.end(noBytes)
    expect(owner.now).toHaveLength(3)
    await once(owner, 'end')
    expect(gunzipSync(owner.encoded).equals(medium)).toBe(true)
  })

  it('is compressed in threads where streams cannot be written to at once', async () => {
    const encoders = new Encoders((level) => {
      const stream = createGzip({ level })
      Object.assign((stream as unknown as { _handle: object })._handle, { writeSync: null })
      return stream
    })
    const begun = begin(-1, 'gzip', encoders)
    expect(encoders.canEncodeNow).toBe(false)
    await giveAll(begun, medium)
    expect(begun.owner.now).toHaveLength(0)
    expect(gunzipSync(begun.owner.encoded).equals(medium)).toBe(true)
  })
})

describe('an encoder that is not wanted any more', () => {
  it.each([1_000, -1, 100_000, text.length])('tells nobody of what it had, of a length of %d', async (sizeHint) => {
    const { compressor, owner, encoders } = begin(sizeHint)
    compressor.write(text.subarray(0, 500))
    const before = owner.now.length
    compressor.destroy()
    compressor.destroy()
    await new Promise(setImmediate)
    expect([owner.now.length, owner.later.length, owner.failure, encoders.inUse]).toEqual([before, 0, null, 0])
  })

  it('tells of a failure once, and counts no longer', () => {
    const { compressor, encoders, owner } = begin(100_000)
    encoders.encodeNow = () => {
      throw new Error('no memory')
    }
    compressor.write(text.subarray(0, 500))
    compressor.write(text.subarray(0, 500))
    compressor.end(noBytes)
    expect([owner.failure?.message, encoders.inUse]).toEqual(['no memory', 0])
  })
})

it('a read can be gathered whole: what is sent meanwhile would be written over the rest of it', () => {
  expect(mostAtOnce).toBeGreaterThanOrEqual(readBytes)
})
