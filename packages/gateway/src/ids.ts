import { randomFillSync } from 'node:crypto'
import { copy, wordBuffer } from './http1/words.js'

const poolBytes = 16 * 1024
const poolDigits = poolBytes * 2

/** The two hex digits of each byte value, as they lie in memory. */
const hexPairs = new Uint16Array(
  new Uint8Array(Buffer.from(Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0')).join('')))
    .buffer,
)

/**
 * Random ids as lower-case hex, written where they are needed. Random bytes are fetched and written as digits 16 KiB at a time: one call to the
 * system for about four hundred requests (`crypto.randomUUID` costs some 6 microseconds a request more).
 */
export class IdSource {
  readonly #random = new Uint8Array(poolBytes)
  readonly #digits = wordBuffer(poolDigits)
  readonly #pairs = new Uint16Array(this.#digits.buffer)
  readonly #fill: (random: Uint8Array) => void
  #used = poolDigits

  constructor(fill: (random: Uint8Array) => void = randomFillSync) {
    this.#fill = fill
  }

  /** 32 hex digits at `out[at]`; returns the offset behind them. */
  writeRequestId(out: Uint8Array, at: number): number {
    return this.#write(out, at, 32)
  }

  /** W3C trace id: 32 hex digits, never all zero. */
  writeTraceId(out: Uint8Array, at: number): number {
    return this.#write(out, at, 32)
  }

  /** W3C parent (span) id: 16 hex digits, never all zero. */
  writeSpanId(out: Uint8Array, at: number): number {
    return this.#write(out, at, 16)
  }

  #write(out: Uint8Array, at: number, count: number): number {
    if (this.#used + count > poolDigits) this.#refill()
    const from = this.#used
    this.#used += count
    const end = copy(this.#digits, from, this.#used, out, at)
    // All zero means "invalid" to readers of a traceparent.
    if (isZero(out, at, end)) out[end - 1] = 0x31
    return end
  }

  #refill(): void {
    const random = this.#random
    const pairs = this.#pairs
    this.#fill(random)
    for (let index = 0; index < poolBytes; index++) pairs[index] = hexPairs[random[index]]
    this.#used = 0
  }
}

function isZero(out: Uint8Array, at: number, end: number): boolean {
  while (at < end && out[at] === 0x30) at++
  return at === end
}
