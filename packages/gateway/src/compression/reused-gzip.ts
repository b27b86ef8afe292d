import { constants, createGzip, type Gzip, gunzipSync, gzipSync } from 'node:zlib'

/** What Node keeps in a stream of zlib, which packages that compress at once have used since Node 9; not in its types. */
interface StreamInternals {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      at: number,
      length: number,
      out: Uint8Array,
      to: number,
      room: number,
    ): void
    reset(): void
  }
  /** What was left of the room for output, then of the input. */
  readonly _writeState: Uint32Array
}

/** Bytes that deflate may need for so many, with gzip's head and end: it stores what does not become smaller, at 5 bytes a block. */
const roomFor = (length: number): number => length + (length >> 10) + 64
const probe = Buffer.from('what is written twice is written once, what is written twice is written once')

/**
 * Whole bodies by one encoder, again and again. A new one for each, as `gzipSync` makes it, takes and clears 256 KiB: 17 µs a body, more than
 * compressing 1.5 KB does. A stream's `reset` is documented; that its handle can be written to at once is not. So that is tried out before
 * it is used, and where it ever fails `gzipSync` does the work: slower, the same otherwise.
 */
export class ReusedGzip {
  readonly #level: number
  #stream: Gzip | null = null
  readonly #makeStream: (level: number) => Gzip
  /** Null before it has been tried out. */
  #isUsable: boolean | null = null
  #out: Buffer = Buffer.alloc(0)

  /** `makeStream`: for tests of what happens where streams are other ones. */
  constructor(level: number, makeStream = (each: number): Gzip => createGzip({ level: each })) {
    this.#level = level
    this.#makeStream = makeStream
  }

  /** Valid until the next call. */
  encode(bytes: Uint8Array): Uint8Array {
    this.#isUsable ??= this.#works()
    return (this.#isUsable ? this.#encoded(bytes) : null) ?? gzipSync(bytes, { level: this.#level })
  }

  get isReusing(): boolean {
    return this.#isUsable === true
  }

  /** Twice, as the second time is the one after a reset. */
  #works(): boolean {
    for (let turn = 0; turn < 2; turn++) {
      const encoded = this.#encoded(probe)
      if (encoded === null || !isProbe(encoded)) return false
    }
    return true
  }

  /** Null when it cannot be done this way; then never again. */
  #encoded(bytes: Uint8Array): Uint8Array | null {
    const room = roomFor(bytes.length)
    if (this.#out.length < room) this.#out = Buffer.allocUnsafeSlow(room)
    try {
      const { _handle: handle, _writeState: left } = (this.#stream ??= this.#open()) as unknown as StreamInternals
      handle.writeSync(constants.Z_FINISH, bytes, 0, bytes.length, this.#out, 0, room)
      const isWhole = left[0] > 0 && left[1] === 0
      const encoded = this.#out.subarray(0, room - left[0])
      handle.reset()
      if (isWhole) return encoded
    } catch {
      // As below.
    }
    this.#isUsable = false
    this.#stream?.destroy()
    this.#stream = null
    return null
  }

  #open(): Gzip {
    // It tells of errors by destroying itself, after which its handle is gone.
    return this.#makeStream(this.#level).on('error', () => {})
  }
}

function isProbe(encoded: Uint8Array): boolean {
  try {
    return gunzipSync(encoded).equals(probe)
  } catch {
    return false
  }
}
