import { randomFillSync } from 'node:crypto'

const poolBytes = 16 * 1024

/** Two hex digits for each byte value. */
const hexPairs = new Uint8Array(512)
for (let value = 0; value < 256; value++) {
  const text = value.toString(16).padStart(2, '0')
  hexPairs[value * 2] = text.charCodeAt(0)
  hexPairs[value * 2 + 1] = text.charCodeAt(1)
}

/**
 * Random ids as lower-case hex, written where they are needed. Random bytes are fetched 16 KiB at a time: one call to the system
 * for about a thousand ids (`crypto.randomUUID` costs some 6 microseconds a request more).
 */
export class IdSource {
  readonly #pool = new Uint8Array(poolBytes)
  readonly #fill: (pool: Uint8Array) => void
  #used = poolBytes

  constructor(fill: (pool: Uint8Array) => void = randomFillSync) {
    this.#fill = fill
  }

  /** 32 hex digits at `out[at]`; returns the offset behind them. */
  writeRequestId(out: Uint8Array, at: number): number {
    return this.#write(out, at, 16)
  }

  /** W3C trace id: 32 hex digits, never all zero. */
  writeTraceId(out: Uint8Array, at: number): number {
    return this.#write(out, at, 16)
  }

  /** W3C parent (span) id: 16 hex digits, never all zero. */
  writeSpanId(out: Uint8Array, at: number): number {
    return this.#write(out, at, 8)
  }

  #write(out: Uint8Array, at: number, count: number): number {
    if (this.#used + count > poolBytes) {
      this.#fill(this.#pool)
      this.#used = 0
    }
    const pool = this.#pool
    let any = 0
    for (const end = this.#used + count; this.#used < end; this.#used++) {
      const value = pool[this.#used]
      any |= value
      out[at++] = hexPairs[value * 2]
      out[at++] = hexPairs[value * 2 + 1]
    }
    // All zero means "invalid" to readers of a traceparent.
    if (any === 0) out[at - 1] = 0x31
    return at
  }
}
