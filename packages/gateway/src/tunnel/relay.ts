import type { Traffic } from '../http1/traffic.js'
import { WheelTimer } from '../timer-wheel.js'

/** One of the two whose bytes a relay carries. */
export interface RelaySide {
  readonly isBlocked: boolean
  /** Nothing can be sent any more: it has been ended, or is gone. */
  readonly isSendingOver: boolean
  /** It is gone, and not by an ordinary end. */
  readonly hasFailed: boolean
  /** Sends the first `length` bytes of the worker's current output buffer. */
  send(length: number): void
  pause(): void
  resume(): void
  /** Says that nothing more is sent. */
  end(): void
  /** Ends it at once, so that the peer sees that it was no ordinary end. */
  breakOff(): void
}

/**
 * Two connections that carry each other's bytes, whatever they mean: an upgraded HTTP/1.1 connection or a TCP tunnel. What one cannot
 * take stops the reading of the other. One side's end of sending is passed on while the other way goes on; it is over when both have
 * ended, or at once when either breaks: then the other is reset, as an ordinary end could pass for the end of what was being sent. A relay with both sides open may be silent for as long as it likes; with one side ended it may
 * not, as a peer that ended because it has gone looks no different.
 */
export class Relay {
  readonly #a: RelaySide
  readonly #b: RelaySide
  readonly #traffic: Traffic
  readonly #onOver: () => void
  #hasAEnded = false
  #hasBEnded = false
  #isOver = false
  readonly #timer: WheelTimer<Relay>
  /** Bytes from `a` to `b` and back. */
  sent = 0
  received = 0

  constructor(a: RelaySide, b: RelaySide, traffic: Traffic, onOver: () => void) {
    this.#a = a
    this.#b = b
    this.#traffic = traffic
    this.#timer = new WheelTimer<Relay>(this, cut)
    this.#onOver = onOver
  }

  onBytes(from: RelaySide, bytes: Uint8Array, length: number): void {
    const to = from === this.#a ? this.#b : this.#a
    if (from === this.#a) this.sent += length
    else this.received += length
    if (to.isSendingOver) return
    const out = this.#traffic.outputs.ensure(length)
    out.set(length === bytes.length ? bytes : bytes.subarray(0, length), 0)
    to.send(length)
    if (to.isBlocked) from.pause()
    if (this.#hasAEnded || this.#hasBEnded) this.#watch()
  }

  onDrain(wire: RelaySide): void {
    const other = wire === this.#a ? this.#b : this.#a
    other.resume()
  }

  onEnd(from: RelaySide): void {
    const isA = from === this.#a
    if (isA) this.#hasAEnded = true
    else this.#hasBEnded = true
    const to = isA ? this.#b : this.#a
    to.end()
    this.#watch()
  }

  onClose(from: RelaySide): void {
    const other = from === this.#a ? this.#b : this.#a
    if (!this.#hasAEnded || !this.#hasBEnded || from.hasFailed) other.breakOff()
    if (this.#isOver) return
    this.#isOver = true
    this.#traffic.wheel.cancel(this.#timer)
    this.#onOver()
  }

  #watch(): void {
    if (!this.#isOver) this.#traffic.wheel.schedule(this.#timer, this.#traffic.limits.idleTimeoutMs)
  }

  /** Breaks both off. */
  cut(): void {
    this.#a.breakOff()
    this.#b.breakOff()
  }
}

function cut(relay: Relay): void {
  relay.cut()
}
