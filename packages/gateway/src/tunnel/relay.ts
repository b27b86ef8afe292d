import type { Outputs } from '../http1/outputs.js'
import type { Wire } from '../http1/wire.js'

/**
 * Two connections that carry each other's bytes, whatever they mean: an upgraded HTTP/1.1 connection or a TCP tunnel. What one cannot
 * take stops the reading of the other. One side's end of sending is passed on while the other way goes on; it is over when both have
 * ended, or at once when either breaks.
 */
export class Relay {
  readonly #a: Wire
  readonly #b: Wire
  readonly #outputs: Outputs
  readonly #onOver: () => void
  #hasAEnded = false
  #hasBEnded = false
  #isOver = false
  /** Bytes from `a` to `b` and back. */
  sent = 0
  received = 0

  constructor(a: Wire, b: Wire, outputs: Outputs, onOver: () => void) {
    this.#a = a
    this.#b = b
    this.#outputs = outputs
    this.#onOver = onOver
  }

  onBytes(from: Wire, bytes: Uint8Array, length: number): void {
    const to = from === this.#a ? this.#b : this.#a
    if (from === this.#a) this.sent += length
    else this.received += length
    if (to.socket.destroyed || to.socket.writableEnded) return
    const out = this.#outputs.ensure(length)
    out.set(length === bytes.length ? bytes : bytes.subarray(0, length), 0)
    to.send(length)
    if (to.isBlocked) from.pause()
  }

  onDrain(wire: Wire): void {
    const other = wire === this.#a ? this.#b : this.#a
    other.resume()
  }

  onEnd(from: Wire): void {
    const isA = from === this.#a
    if (isA) this.#hasAEnded = true
    else this.#hasBEnded = true
    const to = isA ? this.#b : this.#a
    if (!to.socket.destroyed) to.socket.end()
  }

  onClose(from: Wire): void {
    const other = from === this.#a ? this.#b : this.#a
    if (!this.#hasAEnded || !this.#hasBEnded || from.socket.errored !== null) other.socket.destroy()
    if (this.#isOver) return
    this.#isOver = true
    this.#onOver()
  }

  /** Breaks both off. */
  cut(): void {
    this.#a.socket.destroy()
    this.#b.socket.destroy()
  }
}
